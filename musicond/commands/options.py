"""Options that several commands share."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path

from musicond.config.loader import LoadedConfig, load
from musicond.config.schema import SOURCE_PATTERN


def add_config(parser: argparse.ArgumentParser, *, action: bool = False) -> None:
    """Declare --config; for an action, too, whose command has it already: it may stand before or after it."""
    parser.add_argument(
        "--config",
        type=Path,
        default=argparse.SUPPRESS if action else None,
        metavar="F",
        help="default: /etc/musicond/musicon.yaml, else ./config/musicon.yaml, else built-in defaults",
    )


def load_config(args: argparse.Namespace, camera_source: str | None = None) -> LoadedConfig:
    """Load the configuration that --config names, or the first found; raise ConfigError.

    `camera_source` is what the command line says of the camera and wins over the file.
    """
    loaded = load(args.config)
    if camera_source is None:
        return loaded
    camera = loaded.config.camera.model_copy(update={"source": camera_source})
    config = loaded.config.model_copy(update={"camera": camera})
    return replace(loaded, config=config, origin={**loaded.origin, "camera.source": "command line"})


def source(text: str) -> str:
    """Check what --source says: a type for argparse."""
    if not re.match(SOURCE_PATTERN, text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a source; give auto, pi, v4l2[:/dev/videoN], demo or file:PATH"
        )
    return text
