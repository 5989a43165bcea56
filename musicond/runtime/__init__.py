"""Threads, signals, systemd, logs: knows nothing of emotions."""
