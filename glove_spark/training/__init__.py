"""Training: epochs of rounds over the blocks, initial states and checkpoints."""
