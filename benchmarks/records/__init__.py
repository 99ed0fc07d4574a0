"""Records of all benchmarks, with memory, machine and commit, and the code that writes them."""
