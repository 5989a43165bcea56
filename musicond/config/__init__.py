"""The configuration: its schema, its file and the values in force."""
