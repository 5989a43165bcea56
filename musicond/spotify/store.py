"""Where a sign-in is kept: one small file for its owner alone, replaced as a whole."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

from musicond.core.expiry import ends_on
from musicond.core.ports import SpeakerError

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
        return ends_on(self.signed_in_on)


class GrantStore:
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
            raise SpeakerError(f"{self.path}: {fault.strerror}; put sudo -u musicond before the command") from None
        return found

    def save(self, grant: Grant) -> None:
        """Keep it; on return it is on the disk. Raises SpeakerError."""
        new = self.path.with_suffix(".new")
        try:
            with suppress(FileNotFoundError):
                new.unlink()
            number = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(number, "w", encoding="utf-8") as out:
                self._give_to_owner(number)
                json.dump(asdict(grant), out)
                out.flush()
                os.fsync(number)
            new.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as fault:
            raise SpeakerError(
                f"{self.path}: {fault.strerror}; the sign-in is not kept; make room or put sudo before"
            ) from None

    def discard(self) -> None:
        """Forget it; raise SpeakerError."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as fault:
            raise SpeakerError(f"{self.path}: {fault.strerror}; put sudo -u musicond before the command") from None

    def _give_to_owner(self, number: int) -> None:
        if os.geteuid() == 0:
            owner = self.path.parent.stat()
            os.fchown(number, owner.st_uid, owner.st_gid)
