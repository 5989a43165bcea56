"""A camera whose frames are checked: bad, stale and missing ones are counted, and skipped for a while."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from musicond.core.models import Frame, SourceStatus
from musicond.core.ports import FrameSource
from musicond.errors import BadFrame, Interrupted, NoFrame, SourceLost

TRY_S = 1.0
"""Seconds without a frame that count as one missing frame."""
BAD_PAUSE_S = 0.02
"""Pause after a bad frame, for a driver that gives many of them at once."""
STALE_S = 10.0
"""Seconds of identical frames after which the source counts as lost. The noise of a sensor changes every frame."""
SAMPLE = 4
"""Every so many rows and columns are compared."""
PLAIN_LEVELS = 16
"""Grey levels within which a picture shows nothing, as behind a closed lid: then identical frames are right."""


class CheckedSource:
    """A camera that is lost only when no good frame has come for the whole of `wait_s`, or when it hangs.

    Between two attempts, Interrupted ends the wait once `is_urgent` returns true.
    """

    def __init__(self, source: FrameSource, is_urgent: Callable[[], bool] = lambda: False) -> None:
        self._source, self._is_urgent = source, is_urgent
        self._bad = self._stale = self._missing = 0
        self._shape: tuple[int, ...] | None = None
        self._checksum: int | None = None
        self._changed_at = 0.0

    @property
    def name(self) -> str:
        """Name for display."""
        return self._source.name

    def get_status(self) -> SourceStatus:
        """Return the counts since the start, with the camera's own."""
        return replace(
            self._source.get_status(),
            bad_frames=self._bad,
            stale_frames=self._stale,
            missing_frames=self._missing,
        )

    def open(self) -> None:
        """Open the camera; raise SourceLost."""
        self._shape = self._checksum = None
        self._source.open()

    def capture(self, wait_s: float) -> Frame:
        """Return the next good frame; raise SourceLost, Connecting or Interrupted."""
        deadline = time.monotonic() + wait_s
        while True:
            try:
                frame = self._source.capture(min(TRY_S, wait_s))
                self._check_size(frame)
            except BadFrame as exc:
                self._bad += 1
                reason = str(exc)
                time.sleep(BAD_PAUSE_S)
            except NoFrame as exc:
                self._missing += 1
                reason = str(exc)
            else:
                self._check_change(frame)
                return frame
            if time.monotonic() >= deadline:
                raise SourceLost(reason)
            if self._is_urgent():
                raise Interrupted(reason)

    def close(self) -> None:
        """Close the camera."""
        self._source.close()

    def _check_size(self, frame: Frame) -> None:
        if self._shape is None:
            self._shape = frame.grey.shape
        if frame.grey.shape != self._shape:
            height, width = frame.grey.shape
            raise BadFrame(f"{self.name} gives pictures of another size, {width} x {height}; opening it again")

    def _check_change(self, frame: Frame) -> None:
        """Raise SourceLost where nothing has changed for STALE_S."""
        sample = np.ascontiguousarray(frame.grey[::SAMPLE, ::SAMPLE])
        checksum, now = zlib.crc32(sample.data), time.monotonic()
        if checksum != self._checksum:
            self._checksum, self._changed_at = checksum, now
            return
        self._stale += 1
        if now - self._changed_at >= STALE_S and int(sample.max()) - int(sample.min()) >= PLAIN_LEVELS:
            age_s = now - self._changed_at
            raise SourceLost(f"{self.name} hangs: the same picture for {age_s:.0f} s; unplug it and plug it in again")
