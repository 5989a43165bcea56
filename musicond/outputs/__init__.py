"""What tells the world: MQTT and, later, players."""
