"""When a new version of a model may replace the current one, and what monitoring is told."""
