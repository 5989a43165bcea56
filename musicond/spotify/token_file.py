"""The file of the sign-in: readable by its owner alone, and replaced atomically."""

from __future__ import annotations

from calendar import monthrange
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path

from musicond.errors import PlaybackError
from musicond.runtime.json_file import JsonFile

FILE_NAME = "spotify.json"
MONTHS = 6
"""For which a sign-in is valid."""


@dataclass(frozen=True, slots=True)
class Grant:
    """An OAuth grant: the permission that a user has given."""

    refresh_token: str = field(repr=False)
    authorized_at: str
    """ISO 8601 with its zone."""
    scope: str
    """Scopes with blanks between."""
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
    """The file at `path`; every method raises PlaybackError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> Grant | None:
        """Return the stored grant; None where there is none or it is damaged."""
        try:
            grant = Grant(**JsonFile(self.path).parse())
            _ = grant.expires_on
        except (ValueError, TypeError, OverflowError):
            with suppress(OSError):  # there may be no file
                JsonFile(self.path).keep_copy()
            return None
        except OSError as exc:
            raise PlaybackError(f"{self.path}: {exc.strerror}; put sudo -u musicond before the command") from None
        return grant

    def save(self, grant: Grant) -> None:
        """Store a grant; on return it is on the disk."""
        try:
            JsonFile(self.path).save(asdict(grant))
        except OSError as exc:
            raise PlaybackError(
                f"{self.path}: {exc.strerror}; the sign-in is not kept; make room or put sudo before"
            ) from None

    def delete(self) -> None:
        """Delete the stored grant."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as exc:
            raise PlaybackError(f"{self.path}: {exc.strerror}; put sudo -u musicond before the command") from None


def expiry_date(signed_in_on: date) -> date:
    """Return the day on which a sign-in ends."""
    month = signed_in_on.month - 1 + MONTHS
    year, month = signed_in_on.year + month // 12, month % 12 + 1
    return date(year, month, min(signed_in_on.day, monthrange(year, month)[1]))


def expiry_warning(day: date) -> str:
    """Return the warning that a sign-in ends on `day`, with the remedy."""
    return f"the sign-in at Spotify ends on {day.isoformat()}; sign in before: musicond spotify login, or on the page"
