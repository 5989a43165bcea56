"""The first available camera: the Pi camera, else a webcam."""

from __future__ import annotations

from collections.abc import Sequence

from musicond.core.models import NO_CAMERA_YET, Frame, SourceStatus
from musicond.core.ports import FrameSource
from musicond.errors import SourceLost


class AutoSource:
    """The first of several sources that opens, chosen again at each opening."""

    def __init__(self, sources: Sequence[FrameSource]) -> None:
        self._sources = tuple(sources)
        self._chosen: FrameSource | None = None

    @property
    def name(self) -> str:
        """Name of the source in use, or NO_CAMERA_YET."""
        chosen = self._chosen  # the thread `web` reads it too
        return chosen.name if chosen else NO_CAMERA_YET

    def get_status(self) -> SourceStatus:
        """Return the counts of all sources, with what the one in use knows of its picture."""
        chosen, statuses = self._chosen, [source.get_status() for source in self._sources]
        current = chosen.get_status() if chosen else SourceStatus()
        return SourceStatus(
            width_seen=current.width_seen,
            vertical_deg=current.vertical_deg,
            bad_frames=sum(status.bad_frames for status in statuses),
            stale_frames=sum(status.stale_frames for status in statuses),
            missing_frames=sum(status.missing_frames for status in statuses),
        )

    def open(self) -> None:
        """Open the first source that is available; if none is, raise SourceLost with the errors of all."""
        errors = []
        for source in self._sources:
            try:
                source.open()
            except SourceLost as exc:
                errors.append(f"{source.name}: {exc}")
            else:
                self._chosen = source
                return
        raise SourceLost(". ".join(errors))

    def capture(self, wait_s: float) -> Frame:
        """Return the newest frame of the source in use."""
        if self._chosen is None:
            raise SourceLost("no camera is open")
        return self._chosen.capture(wait_s)

    def close(self) -> None:
        """Close the source in use."""
        chosen, self._chosen = self._chosen, None
        if chosen is not None:
            chosen.close()
