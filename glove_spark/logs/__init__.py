"""What a run tells people on standard error: lines of the log, above one bar."""
