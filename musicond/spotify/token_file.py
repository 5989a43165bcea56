"""The file of the sign-in: readable by its owner alone, and replaced atomically."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date, datetime

from musicond.runtime.sign_in_file import SignInFile

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


class TokenFile(SignInFile[Grant]):
    """The file of the sign-in at Spotify."""

    def read(self) -> Grant:
        """Return the stored grant; raise as the base does."""
        grant = self.parse(Grant)
        _ = grant.expires_on
        return grant


def expiry_date(signed_in_on: date) -> date:
    """Return the day on which a sign-in ends."""
    month = signed_in_on.month - 1 + MONTHS
    year, month = signed_in_on.year + month // 12, month % 12 + 1
    return date(year, month, min(signed_in_on.day, monthrange(year, month)[1]))


def expiry_warning(day: date) -> str:
    """Return the warning that a sign-in ends on `day`, with the remedy."""
    return f"the sign-in at Spotify ends on {day.isoformat()}; sign in before: musicond spotify login, or on the page"
