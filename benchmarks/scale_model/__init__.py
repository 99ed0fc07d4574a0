"""How costs grow: sweeps, and a cost model of large corpora and clusters."""
