"""How cost grows: sweeps, and the model on paper of large corpora and clusters."""
