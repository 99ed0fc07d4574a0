"""Epochs of rounds over the blocks, and what a training starts from and leaves behind."""
