"""From a mood to songs."""
