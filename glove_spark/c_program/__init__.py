"""The files of Stanford's GloVe program in C, and their way into our datasets and back."""
