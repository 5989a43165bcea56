"""musicond: reads the mood of the room from a camera and recommends music for it."""

__version__ = "0.1.0"
