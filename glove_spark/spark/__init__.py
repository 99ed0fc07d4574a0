"""Starting Spark, its messages, its failures and its progress."""
