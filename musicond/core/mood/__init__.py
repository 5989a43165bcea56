"""From emotion scores to one announced mood."""
