"""The user's text: find its files, read documents, and split them into tokens."""
