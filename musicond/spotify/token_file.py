"""Where a sign-in is kept: one small file for its owner alone, replaced as a whole."""

from __future__ import annotations

import json
from calendar import monthrange
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

from musicond.errors import PlaybackError
from musicond.runtime.json_file import JsonFile

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME = "spotify.json"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person has allowed."""

    refresh_token: str = field(repr=False)
    authorized_at: str
    """ISO 8601 with its zone."""
    scope: str
    """Words with blanks between."""
    client_id: str
    user: str | None = None

    @property
    def signed_in_on(self) -> date:
        """The day of the sign-in."""
        return datetime.fromisoformat(self.authorized_at).date()

    @property
    def expires_on(self) -> date:
        """The day on which it ends."""
        return expiry_date(self.signed_in_on)


class TokenFile:
    """The file at `path`. Its folder's owner owns it too, whoever writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> Grant | None:
        """Return what is kept, None where nothing is or it can't be understood; raise SpeakerError."""
        try:
            found = Grant(**json.loads(self.path.read_text("utf-8")))
            _ = found.expires_on
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, OverflowError):
            return None
        except OSError as fault:
            raise PlaybackError(f"{self.path}: {fault.strerror}; put sudo -u musicond before the command") from None
        return found

    def save(self, grant: Grant) -> None:
        """Keep it; on return it is on the disk. Raises SpeakerError."""
        try:
            JsonFile(self.path).save(asdict(grant))
        except OSError as fault:
            raise PlaybackError(
                f"{self.path}: {fault.strerror}; the sign-in is not kept; make room or put sudo before"
            ) from None

    def delete(self) -> None:
        """Forget it; raise SpeakerError."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as fault:
            raise PlaybackError(f"{self.path}: {fault.strerror}; put sudo -u musicond before the command") from None


MONTHS = 6


WARN_DAYS = (30, 7, 1)
"""Days ahead at which it is told."""


def expiry_date(given: date) -> date:
    """Return the day on which a sign-in of the day `given` ends."""
    month = given.month - 1 + MONTHS
    year, month = given.year + month // 12, month % 12 + 1
    return date(year, month, min(given.day, monthrange(year, month)[1]))


def expiry_warning(day: date) -> str:
    """Say when a sign-in ends, and what to do."""
    return f"the sign-in at Spotify ends on {day.isoformat()}; sign in before: musicond spotify login, or on the page"


def warning_due(days_left: int) -> int | None:
    """Return which of AHEAD has come, the nearest; None while the end is far."""
    return min((days for days in WARN_DAYS if days_left <= days), default=None)
