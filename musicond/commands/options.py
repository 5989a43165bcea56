"""Options that several commands share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from musicond.config import Config, ConfigError
from musicond.config_file import Loaded, load

if TYPE_CHECKING:
    import argparse


def add_config(parser: argparse.ArgumentParser) -> None:
    """Declare --config."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="F",
        help="default: /etc/musicond/musicon.yaml, else ./config/musicon.yaml, else built-in defaults",
    )


def load_config(args: argparse.Namespace, camera_source: str | None = None) -> Loaded:
    """Load the configuration that --config names, or the first found; raise ConfigError.

    `camera_source` is what the command line says of the camera and wins over the file.
    """
    loaded = load(args.config)
    if camera_source is None:
        return loaded
    camera = {**loaded.config.camera.model_dump(), "source": camera_source}
    try:
        config = Config.model_validate({**loaded.config.model_dump(), "camera": camera})
    except ValueError:
        raise ConfigError(
            f"--source {camera_source}: not a source; give auto, pi, v4l2[:/dev/videoN], demo or file:PATH"
        ) from None
    return replace(loaded, config=config, origin={**loaded.origin, "camera.source": "command line"})
