"""The grid of blocks, and how the nonzeros of a cell become batches."""
