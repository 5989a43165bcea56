"""`musicond guest`: close the camera until midnight."""

from __future__ import annotations

import argparse
from datetime import datetime

from musicond.commands.daemon import change_settings
from musicond.commands.options import add_config
from musicond.config.loader import load
from musicond.core.commands import SetPrivacy
from musicond.core.settings import apply
from musicond.runtime.clock import LOCAL

DESCRIPTION = "close the camera until midnight; musicond privacy off ends it before"
add_arguments = add_config


def run(args: argparse.Namespace) -> None:
    """Switch privacy on until midnight; raise ConfigError, ControlError or StateDirError."""
    command = SetPrivacy(on=True, until_midnight=True)
    change_settings(
        load(args.config).config,
        lambda client: client.send("privacy", on=True, until="midnight"),
        lambda settings: apply(settings, command, datetime.now(LOCAL)),
        done="private until midnight: the camera is closed",
        at_start="private, until midnight",
    )
