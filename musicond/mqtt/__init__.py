"""MQTT: connection, entities, Home Assistant discovery, states and commands."""
