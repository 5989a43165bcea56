"""The subcommands of the command line, one file each, and the files that they share."""
