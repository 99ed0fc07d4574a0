"""The user's text: which files it is made of, how documents are read, and their tokens."""
