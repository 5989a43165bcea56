"""The command line: finds the command, runs it, and turns what a user can cause into one line and an exit code."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from musicond import __version__

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
    "catalogue": "look at the tracks that can be recommended",
    "privacy": "close the camera, or let it be opened again",
    "pause": "recommend nothing for a while",
}
UNAVAILABLE = 69
CONFIG = 78
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return 0, or 69 (unavailable), 78 (configuration, model), 130 (Ctrl-C). Bugs are raised."""
    try:
        args = _parse(sys.argv[1:] if argv is None else list(argv))
        code = _run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough (`| head`). Python's own flush at exit must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the options with `run`, the command's function; exit with 2 on wrong usage."""
    parser = argparse.ArgumentParser(
        prog="musicond",
        description="Reads the mood of the room from a camera and recommends music for it.",
        epilog="musicond COMMAND --help tells more.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"musicond {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    wanted = argv[0] if argv else ""
    present = [name for name in COMMANDS if find_spec(_module(name))]
    if wanted and not wanted.startswith("-") and wanted not in present:
        close = difflib.get_close_matches(wanted, present, 1)
        parser.error(f"there is no command {wanted!r}; " + (f"did you mean {close[0]}?" if close else "see --help"))
    for name in present:
        command = commands.add_parser(name, help=COMMANDS[name], description=COMMANDS[name], allow_abbrev=False)
        if name == wanted:
            module = import_module(_module(name))
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser.parse_args(argv)


def _module(name: str) -> str:
    return "musicond.commands." + name.replace("-", "_")


def _run(args: argparse.Namespace) -> int:
    """Run the command; errors that a user can cause become lines on stderr."""
    # Imported late for the sake of `--help`; by now the command has imported most of it.
    from musicond.config import ConfigError  # noqa: PLC0415 - see above
    from musicond.core.ports import CatalogueError, ModelError, OutputError, SourceLost  # noqa: PLC0415 - see above
    from musicond.runtime.settings import StateDirError  # noqa: PLC0415 - see above
    from musicond.web.client import ControlError  # noqa: PLC0415 - see above

    try:
        return int(args.run(args))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return CONFIG
    except ModelError as error:
        print(f"musicond: {error}", file=sys.stderr)
        return CONFIG
    except (SourceLost, CatalogueError, OutputError, StateDirError, ControlError) as error:
        print(f"musicond: {error}", file=sys.stderr)
        return UNAVAILABLE
