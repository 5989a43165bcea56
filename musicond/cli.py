"""The command line: finds the command, runs it, and turns what a user can cause into one line and an exit code."""

from __future__ import annotations

import argparse
import difflib
import errno
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from musicond import __version__
from musicond.errors import UNAVAILABLE, ConfigError, MusicondError

if TYPE_CHECKING:
    from collections.abc import Sequence

# The modules are imported only when asked for: OpenCV and pydantic would slow down `musicond --help`.
COMMANDS = {
    "run": "watch, recommend and tell, until stopped",
    "replay": "put recorded clips through the same pipeline, as JSON lines",
    "bench": "measure the pipeline on a clip",
    "check-config": "check a configuration file and name every fault in it",
    "config": "show every value of the configuration and where it comes from",
    "doctor": "check this machine and say what to do",
    "catalogue": "look at and change the songs that can be recommended, and say what they are worth",
    "history": "show, export or delete the minutes of each mood and day, where they are kept",
    "calibrate": "learn what a neutral face looks like here",
    "spotify": "sign in at Spotify and out, and see its speakers",
    "privacy": "close the camera, or let it be opened again",
    "pause": "recommend nothing for a while",
    "settings": "forget what was switched, so that the configuration holds again",
    "page-link": "print the page's address, and a QR code for the phone",
}
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return 0, or 69 (unavailable), 78 (configuration, model), 130 (Ctrl-C). Bugs are raised."""
    try:
        args = _parse(sys.argv[1:] if argv is None else list(argv))
        code = int(args.run(args))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough (`| head`). Python's own flush at exit must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EIO):
            raise
        print(f"musicond: the output can't be written: {error.strerror}; make room", file=sys.stderr)
        return UNAVAILABLE
    except Exception as error:  # those that are bugs are raised again
        known = _explain(error)
        if known is None:
            raise
        return known
    return code


def parser(*wanted: str) -> argparse.ArgumentParser:
    """Return the parser of the command line; only the wanted commands are imported and have their options."""
    made = argparse.ArgumentParser(
        prog="musicond",
        description="Reads the mood of the room from a camera and recommends music for it.",
        epilog="musicond COMMAND --help tells more.",
        allow_abbrev=False,
    )
    made.add_argument("--version", action="version", version=f"musicond {__version__}")
    commands = made.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, allow_abbrev=False)
        if name in wanted:
            module = import_module(_module(name))
            module.add_arguments(command)
            command.description = module.HELP
            command.set_defaults(run=module.run)
    return made


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the options with `run`, the command's function; exit with 2 on wrong usage."""
    wanted = argv[0] if argv else ""
    made = parser(wanted)
    if wanted and not wanted.startswith("-") and wanted not in COMMANDS:
        close = difflib.get_close_matches(wanted, COMMANDS, 1)
        made.error(f"there is no command {wanted!r}; " + (f"did you mean {close[0]}?" if close else "see --help"))
    return made.parse_args(argv)


def _module(name: str) -> str:
    return "musicond.commands." + name.replace("-", "_")


def _explain(error: Exception) -> int | None:
    """Print on stderr what a user can do about an error and return the exit code; None for a bug."""
    if isinstance(error, ModuleNotFoundError) and error.name and error.name.partition(".")[0] != "musicond":
        print(f"musicond: the Python package {error.name} is missing; musicond doctor says more", file=sys.stderr)
        return UNAVAILABLE
    if not isinstance(error, MusicondError):
        return None
    # A configuration error begins with its place, so that editors can jump to it.
    print(error if isinstance(error, ConfigError) else f"musicond: {error}", file=sys.stderr)
    return error.exit_code
