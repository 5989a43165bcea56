"""From a frame to faces and scores."""
