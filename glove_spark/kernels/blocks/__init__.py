"""The grid of blocks, and the division of a cell's nonzeros into batches."""
