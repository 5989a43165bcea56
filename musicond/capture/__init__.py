"""Sources of frames: cameras and recordings."""
