"""The catalogue of tracks."""
