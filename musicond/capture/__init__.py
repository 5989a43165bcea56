"""Cameras and recordings: what frames come from."""
