"""Import and export files of Stanford's GloVe program in C."""
