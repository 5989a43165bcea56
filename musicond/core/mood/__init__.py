"""From readings to one announced mood."""
