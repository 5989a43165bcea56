"""The errors that a person can cause, each with its exit code."""

from __future__ import annotations


class SourceLost(Exception):  # noqa: N818 - the house's name: a state of the source, not a fault of the program
    """The camera or clip gives no frames; the text says why and what to do."""


class ModelError(Exception):
    """The model is missing, damaged or not what it should be; the text says what to do."""


class CatalogueError(Exception):
    """The catalogue can't be read or written; the text says what to do."""


class CommandError(Exception):
    """What a person asks for makes no sense now (to like a song where none is shown); the text says why."""


class ListError(Exception):
    """A list of songs can't be read; the text says where, why and what to do."""

    def __init__(self, text: str, *, wait_s: float | None = None, gone: bool = False) -> None:
        super().__init__(text)
        self.wait_s = wait_s
        """Seconds after which it may go better; None: it does not say."""
        self.gone = gone
        """It is not there, or nothing is in it: to ask again is of no use before a person changes something."""


class OutputError(Exception):
    """An output can't start (a taken port, say); the text says what to do."""


class SpeakerError(Exception):
    """The speaker, its service or its account can't do it now; the text says why and what to do."""

    def __init__(self, text: str, *, wait_s: float | None = None, sign_in: bool = False, gone: bool = False) -> None:
        super().__init__(text)
        self.wait_s = wait_s
        """Seconds before which it must not be asked again; None: it does not say."""
        self.sign_in = sign_in
        """A person has to sign in first."""
        self.gone = gone
        """What was asked for is not there, or not for us."""


class ConfigError(Exception):
    """The configuration can't be used; `faults` holds one line each: where, what, and what would be right."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class StateDirError(Exception):
    """The state directory can't be used; the text says what to do."""


class ControlError(Exception):
    """The daemon can't be reached or refuses; the text says what to do."""


class NotRunning(ControlError):  # noqa: N818 - a state of the daemon, not a fault of the program
    """No daemon answers on the control socket."""


class NotUnderstood(ControlError):  # noqa: N818 - says what it is
    """The daemon can make no sense of what was sent: send something else."""
