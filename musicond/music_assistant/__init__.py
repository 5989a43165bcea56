"""Music Assistant: sign-in, songs by id or name, and playback on one of its players, by its HTTP API."""
