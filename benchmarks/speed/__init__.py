"""How fast: whole runs, stages and kernels, and other programs beside them."""
