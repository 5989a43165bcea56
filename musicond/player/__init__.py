"""The player: when music may start, and the backends that play it."""
