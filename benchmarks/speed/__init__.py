"""Speed of whole runs, stages and kernels, and of other programs for comparison."""
