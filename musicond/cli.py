"""The command line: find the command, run it, and turn an error of the user into one line and an exit code."""

from __future__ import annotations

import argparse
import difflib
import errno
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from musicond import __version__, block_reload
from musicond.errors import NOT_TEXT, UNAVAILABLE, USAGE, ConfigError, MusicondError, clean_text

CONTROLS = {
    "play": "play what is recommended, or go on with what is paused",
    "stop": "pause the music",
    "next": "play the next track",
    "previous": "play the previous track",
    "other-songs": "recommend other songs, and play them where ours play",
    "volume": "set the volume of the speaker",
    "autoplay": "start music when the mood changes, or do not",
    "speaker": "play on another speaker, or show the speakers",
    "mood": "choose the mood for a while, or go back to the camera",
    "like": "like a song",
    "dislike": "dislike a song",
    "withdraw": "withdraw the feedback on a song in its mood",
}
"""Commands of the module `musicond.commands.control`."""
COMMANDS = {
    "run": "run the daemon in the foreground, until Ctrl-C",
    "replay": "put recorded clips through the same pipeline, as JSON lines",
    "bench": "measure the pipeline on a clip",
    "check-config": "check a configuration file and name every fault in it",
    "config": "show every value of the configuration and where it comes from",
    "doctor": "check this machine and say what to do",
    "status": "show the mood, what plays, and where the page is",
    "catalogue": "show and change the songs that can be recommended, and give feedback on them",
    "history": "show, export or delete the minutes of each mood and day, where they are kept",
    "calibrate": "learn what a neutral face looks like here",
    "spotify": "sign in at Spotify and out, and see its speakers",
    "music-assistant": "sign in at Music Assistant, and see its players",
    "privacy": "close the camera, or let it be opened again",
    "guest": "close the camera until midnight, for guests",
    "notice": "make a card for the wall that says what the camera does",
    "pause": "recommend nothing for a while",
    **CONTROLS,
    "backup": "write settings, songs, feedback and history to one file",
    "restore": "bring back what a backup holds",
    "settings": "reset what was switched, so that the configuration applies again",
    "page-link": "print the page's address, and a QR code for the phone",
}
"""Each of the others is a module of `musicond.commands`, imported only to run it: OpenCV and pydantic load slowly."""
INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong in one line; exit with 2."""
        self.exit(USAGE, f"{self.prog}: {clean_text(' '.join(message.split()))}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 2 (usage), 69 (unavailable), 78 (configuration, model) or 130.

    An error that no user can cause is raised.
    """
    _use_robust_output()
    try:
        arguments = sys.argv[1:] if argv is None else list(argv)
        block_reload(arguments)
        args = _parse(arguments)
        code = int(args.run(args) or 0)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # As with `| head`. Python's own flush at exit must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as exc:
        if exc.errno not in (errno.ENOSPC, errno.EIO):
            raise
        print(f"musicond: the output can't be written: {exc.strerror}; make room", file=sys.stderr)
        return UNAVAILABLE
    except ModuleNotFoundError as exc:
        if not exc.name or exc.name.partition(".")[0] == "musicond":
            raise
        print(f"musicond: the Python package {exc.name} is missing; musicond doctor says more", file=sys.stderr)
        return UNAVAILABLE
    except MusicondError as exc:
        # A configuration error begins with its file and line, so that editors can jump to it.
        print(exc if isinstance(exc, ConfigError) else f"musicond: {exc}", file=sys.stderr)
        return exc.exit_code
    return code


def build_parser(*names: str) -> argparse.ArgumentParser:
    """Return the parser of the command line; only the commands of these names are imported and have their options."""
    parser = Parser(
        prog="musicond",
        description="Reads the mood of the room from a camera and recommends music for it.",
        epilog="musicond COMMAND --help shows the options of a command.",
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="version", version=f"musicond {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, allow_abbrev=False)
        if name in names:
            module = import_module(f"musicond.commands.{'control' if name in CONTROLS else name.replace('-', '_')}")
            module.add_arguments(command)
            command.description = getattr(module, "DESCRIPTION", text)
            command.set_defaults(run=module.run)
    return parser


def _use_robust_output() -> None:
    """Print "?" for a character that the locale can't encode."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the options, with the command's function as `run`; exit with 2 on wrong usage."""
    if argv[:1] in ([], ["help"]):
        argv = [*argv[1:2], "--help"]
    name = argv[0]
    parser = build_parser(name)
    if not name.startswith("-") and name not in COMMANDS:
        close = difflib.get_close_matches(name, COMMANDS, 1)
        parser.error(f"there is no command {name!r}" + (f"; did you mean {close[0]}?" if close else ""))
    if odd := next(filter(NOT_TEXT.search, argv), None):
        parser.error(f"{clean_text(odd)!r} is no text: it is not UTF-8, or has control characters")
    return parser.parse_args(argv)
