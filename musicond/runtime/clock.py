"""Whether the machine knows what time it is: a Pi has no clock of its own that runs while it is off."""

from __future__ import annotations

import ctypes

TIME_ERROR = 5
"""What adjtimex(2) returns while the clock is not synchronised."""


def kernel_synchronised() -> bool | None:
    """Ask the kernel whether something keeps its clock right; None where it can't be asked."""
    try:
        # struct timex, with room to spare; all zero, it only asks.
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    except (AttributeError, OSError):
        return None
    return None if state < 0 else state != TIME_ERROR
