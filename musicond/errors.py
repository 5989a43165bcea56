"""The errors that a user can cause, each with the exit code of sysexits.h that fits it."""

from __future__ import annotations

import math
import re
import unicodedata

USAGE = 2
"""Exit code of wrong usage."""
UNAVAILABLE = 69
"""Exit code: something that is needed is not available."""
CONFIG = 78
"""Exit code: the configuration or the model is wrong."""


NOT_YET_VALID, EXPIRED = "not yet valid", "has expired"
"""In the error of a certificate whose time has not come, or is over, by this machine's clock."""
WRONG_CLOCK = "the clock of this machine is probably wrong: see timedatectl"
UNLESS_WRONG_CLOCK = "unless the clock of this machine is wrong: see timedatectl"

NO_PLAYER = "no player is configured: set playback.backend to music-assistant, spotify or mpd, see docs/players.md"

NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Halves of surrogates, which no encoding takes, and control characters but tab and line ends."""


DIRECTION = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""Characters that change the direction of the text after them, as a part of a regular expression."""
UNSHOWN = re.compile(f"{NOT_TEXT.pattern[:-1]}{DIRECTION}]")


def clean_text(value: object) -> str:
    """Return a value from outside as text, with U+FFFD for everything of NOT_TEXT and DIRECTION."""
    return UNSHOWN.sub("\ufffd", str(value))


def counted(number: float, noun: str, plural: str = "") -> str:
    """Return a number with its noun in the singular or the plural, which ends in "s" unless it is given."""
    return f"{number:g} {noun if number == 1 else plural or f'{noun}s'}"


INVISIBLE = re.compile(f"[\x00-\x1f\x7f-\x9f{DIRECTION}\ufeff]")
"""Control characters, and those that change the direction of the text after them."""


TERMINAL_SEQUENCE = re.compile("\x1b(?:\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|\\[[0-?]*[ -/]*[@-~])")
"""An escape sequence with which a text sets a terminal's title or colours (ECMA-48)."""


def clean_line(value: object) -> str:
    """Return a title or name from outside as one line in NFC, without INVISIBLE characters and double blanks."""
    text = INVISIBLE.sub("", " ".join(TERMINAL_SEQUENCE.sub("", str(value)).split()))
    return clean_text(unicodedata.normalize("NFC", " ".join(text.split())))


def bounded_number(value: object, low: float, high: float) -> float | None:
    """Return a number from text or JSON; None for anything else, and beyond its bounds."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]  # any value from outside
    except (ValueError, TypeError, OverflowError):
        return None
    return number if low <= number <= high else None  # which is false of NaN too


def error_text(exc: BaseException) -> str:
    """Return an error in one line: the text of the operating system, the error's own text, or the name of its class."""
    return getattr(exc, "strerror", None) or clean_text(" ".join(str(exc).split())) or type(exc).__name__


class MusicondError(Exception):
    """An error that a person can cause; its text is one line that says what, where and what to do."""

    exit_code = UNAVAILABLE

    def __str__(self) -> str:
        return clean_text(super().__str__())


class SourceLost(MusicondError):  # noqa: N818 - a state of the source, not a bug
    """The camera or clip gives no frames; the text says why and what to do."""


class PasswordRefused(SourceLost):
    """The camera refuses the password; after many attempts it may lock the account."""

    def __init__(self) -> None:
        super().__init__(
            "it does not take the name and password in camera.credentials_file; correct them, "
            "then run: musicond privacy on, and off again (otherwise tried again after 10 minutes)"
        )


class BadFrame(MusicondError):  # noqa: N818 - a state of one frame
    """A frame can't be used; the next one may be good. The text says what is wrong with the source."""


class NoFrame(MusicondError):  # noqa: N818 - likewise
    """No frame came in time; one may still come. The text says what is wrong with the source."""


class Connecting(MusicondError):  # noqa: N818 - likewise
    """The source is still being opened, in a thread of its own; the text says what is waited for."""


class Interrupted(MusicondError):  # noqa: N818 - likewise
    """The wait for a frame has ended because a command must not wait."""


class ModelError(MusicondError):
    """The model is missing, damaged or not what it should be; the text says what to do."""

    exit_code = CONFIG


class CatalogueError(MusicondError):
    """The catalogue can't be read or written; the text says what to do."""


class CatalogueLocked(CatalogueError):  # noqa: N818 - a state of the catalogue
    """Another program holds the catalogue, so that nothing was written; a new attempt may succeed."""


class CommandError(MusicondError):
    """A command makes no sense now, such as a like while no song is shown; the text says why."""


class UsageError(MusicondError):
    """A command was given in a way that can't work; the text says how to give it."""

    exit_code = USAGE


class ListError(MusicondError):
    """A list of songs can't be read; the text says where, why and what to do."""

    def __init__(self, text: str, *, wait_s: float | None = None, gone: bool = False) -> None:
        super().__init__(text)
        self.wait_s = wait_s
        """Seconds after which a new attempt may succeed; None: unknown."""
        self.gone = gone
        """The list is missing or empty: no new attempt succeeds before a person changes something."""


class EntryError(ListError):
    """An entry of a list can't be used; the text says where and why. The other entries are not affected."""

    def __init__(self, text: str, *, missing: bool = False) -> None:
        super().__init__(text)
        self.missing = missing
        """The file of the entry does not exist."""


class SkippedEntries:
    """The number of entries of a list that can't be used, and the texts of the first ones."""

    MOST_TEXTS = 20
    MOST = 50_000

    def __init__(self) -> None:
        self.missing = 0
        """Entries whose files do not exist."""
        self.unusable = 0
        """All other skipped entries."""
        self.texts: list[str] = []

    def __len__(self) -> int:
        return self.missing + self.unusable

    def add(self, error: EntryError) -> None:
        """Count an entry; raise ListError if there are more than MOST."""
        self.missing += error.missing
        self.unusable += not error.missing
        if len(self) > self.MOST:
            raise ListError(f"{error}; more than {self.MOST} entries are like this: is it a list of songs?")
        if len(self.texts) < self.MOST_TEXTS:
            self.texts.append(str(error))

    def update(self, more: SkippedEntries) -> None:
        """Add the entries that another list has skipped."""
        self.missing += more.missing
        self.unusable += more.unusable
        self.texts += more.texts[: self.MOST_TEXTS - len(self.texts)]

    def none_usable(self) -> str:
        """Return the text for a list of which every entry was skipped; needs at least one."""
        what = "found" if self.missing > self.unusable else "usable"
        if len(self) == 1:
            return f"its only entry is not {what}: {self.texts[0]}"
        return f"none of its {len(self)} entries is {what}, such as {self.texts[0]}"

    def report(self, name: str, used: int) -> list[str]:
        """Return lines for a list of this name of which `used` entries were used; none if no entry was skipped."""
        total = used + len(self)
        counts = ((self.missing, "not found"), (self.unusable, "skipped"))
        lines = [f"{name}: {count} of {counted(total, 'entry', 'entries')} {what}" for count, what in counts if count]
        rest = len(self) - len(self.texts)
        return [*lines, *self.texts, *([f"... and {rest} more"] if rest else [])]


class OutputError(MusicondError):
    """An output can't start (a taken port, say); the text says what to do."""


class PlaybackError(MusicondError):
    """The playback device, its service or its account can't do it now; the text says why and what to do."""

    def __init__(
        self,
        text: str,
        *,
        wait_s: float | None = None,
        sign_in: bool = False,
        gone: bool = False,
        refused: bool = False,
        log_text: str | None = None,
    ) -> None:
        super().__init__(text)
        self.log_text = text if log_text is None else log_text
        """The text for the log, where the error's own may name a song: it repeats what a player says."""
        self.wait_s = wait_s
        """Seconds in which it must not be asked again; None: unknown."""
        self.sign_in = sign_in
        """A person has to sign in first."""
        self.gone = gone
        """The item is missing, or not accessible to us."""
        self.refused = refused
        """It would have taken the place of other music, and is not tried again without an order."""


class SongsMissingError(PlaybackError):
    """The player works, but has none of the songs; the text says what to do."""


class ConfigError(MusicondError):
    """The configuration can't be used; `problems` holds a line for each error: where, what, and what would be right."""

    exit_code = CONFIG

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class StateDirError(MusicondError):
    """The state directory can't be used; the text says what to do."""


class BackupError(MusicondError):
    """A backup can't be made or restored; the text says what to do."""


class ControlError(MusicondError):
    """The daemon can't be reached or refuses; the text says what to do."""


class NotRunning(ControlError):  # noqa: N818 - a state of the daemon, not a fault of the program
    """No daemon answers on the control socket."""


class NotUnderstood(ControlError):  # noqa: N818 - says what it is
    """The daemon does not understand the request."""
