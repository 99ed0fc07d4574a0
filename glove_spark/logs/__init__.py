"""The log on standard error, and one progress bar below it."""
