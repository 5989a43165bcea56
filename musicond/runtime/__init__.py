"""Threads, signals, JSON files, logs and systemd, without knowledge of emotions."""
