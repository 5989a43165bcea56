"""From a frame to faces and emotion scores."""
