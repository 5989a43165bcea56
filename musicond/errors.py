"""The errors that a user can cause, each with the exit code of sysexits.h that fits it."""

from __future__ import annotations

import math
import re

UNAVAILABLE = 69
"""Exit code: something that is needed is not available."""
CONFIG = 78
"""Exit code: the configuration or the model is wrong."""


NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Halves of surrogates, which no encoding takes, and control characters but tab and line ends."""


def clean_text(value: object) -> str:
    """Return a value from outside as text, with U+FFFD for everything of NOT_TEXT."""
    return NOT_TEXT.sub("\ufffd", str(value))


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


class ModelError(MusicondError):
    """The model is missing, damaged or not what it should be; the text says what to do."""

    exit_code = CONFIG


class CatalogueError(MusicondError):
    """The catalogue can't be read or written; the text says what to do."""


class CatalogueLocked(CatalogueError):  # noqa: N818 - a state of the catalogue
    """Another program holds the catalogue, so that nothing was written; a new attempt may succeed."""


class CommandError(MusicondError):
    """A command makes no sense now, such as a like while no song is shown; the text says why."""


class ListError(MusicondError):
    """A list of songs can't be read; the text says where, why and what to do."""

    def __init__(self, text: str, *, wait_s: float | None = None, gone: bool = False) -> None:
        super().__init__(text)
        self.wait_s = wait_s
        """Seconds after which a new attempt may succeed; None: unknown."""
        self.gone = gone
        """The list is missing or empty: no new attempt succeeds before a person changes something."""


class OutputError(MusicondError):
    """An output can't start (a taken port, say); the text says what to do."""


class PlaybackError(MusicondError):
    """The playback device, its service or its account can't do it now; the text says why and what to do."""

    def __init__(self, text: str, *, wait_s: float | None = None, sign_in: bool = False, gone: bool = False) -> None:
        super().__init__(text)
        self.wait_s = wait_s
        """Seconds in which it must not be asked again; None: unknown."""
        self.sign_in = sign_in
        """A person has to sign in first."""
        self.gone = gone
        """The item is missing, or not accessible to us."""


class ConfigError(MusicondError):
    """The configuration can't be used; `problems` holds a line for each error: where, what, and what would be right."""

    exit_code = CONFIG

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class StateDirError(MusicondError):
    """The state directory can't be used; the text says what to do."""


class ControlError(MusicondError):
    """The daemon can't be reached or refuses; the text says what to do."""


class NotRunning(ControlError):  # noqa: N818 - a state of the daemon, not a fault of the program
    """No daemon answers on the control socket."""


class NotUnderstood(ControlError):  # noqa: N818 - says what it is
    """The daemon does not understand the request."""
