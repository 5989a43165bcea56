"""From a mood to tracks."""
