"""Settings: the definition of an option, all options, and configuration files."""
