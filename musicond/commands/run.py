"""`musicond run`: the daemon."""

from __future__ import annotations

import argparse
import logging
import re
from dataclasses import asdict
from functools import partial
from pathlib import Path

from musicond.app.backup import STAGED, take_over
from musicond.app.build import build
from musicond.app.setup import Setup
from musicond.commands.broker_check import check_broker
from musicond.commands.doctor import page_checks
from musicond.commands.options import add_config
from musicond.config.camera import SOURCE_PATTERN
from musicond.config.camera_url import is_url, parse_url
from musicond.config.file_modes import too_open
from musicond.config.loader import load
from musicond.config.overrides import Overrides
from musicond.config.paths import state_dir
from musicond.config.schema import Config
from musicond.config.yaml_source import quoted
from musicond.errors import MusicondError, StateDirError
from musicond.runtime import logs
from musicond.runtime.json_file import state_lock
from musicond.runtime.restart import RestartGuard, fault_place
from musicond.runtime.supervisor import Supervisor, start_again

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument(
        "--source",
        type=_source,
        metavar="S",
        help="auto | pi | v4l2[:/dev/videoN] | demo | file:PATH (clip or folder) | rtsp://... | http(s)://... (MJPEG)",
    )
    parser.add_argument(
        "--ask-consent",
        action="store_true",
        help="for the service: at the very first start the camera stays closed until `musicond privacy off`",
    )
    parser.add_argument("--log-level", default="info", choices=logs.LEVELS, help="default: info")


def run(args: argparse.Namespace) -> int:
    """Run the daemon in the foreground."""
    folder = state_dir(load(args.config).config)
    logs.setup(args.log_level)
    try:
        supervisor, code = _supervise(args, folder)
    finally:
        logs.flush()  # what is printed from now on comes after the lines of the log
    if supervisor.restarts:
        start_again()
    return code


def _supervise(args: argparse.Namespace, folder: Path) -> tuple[Supervisor, int]:
    """Build the daemon and run it; return its supervisor and its exit code."""
    _take_over(folder)
    overrides = Overrides(folder, lambda: load(args.config))
    loaded = overrides.effective()
    log.info("configuration: %s", loaded.path or "defaults")

    def read_again() -> Config:
        return _with_source(overrides.effective().config, args.source)

    config = _with_source(loaded.config, args.source)
    for line in too_open(config, loaded.path, folder):
        log.warning("%s", line)
    setup = Setup(config, overrides, read_again, lambda *broker: asdict(check_broker(*broker)), folder)
    examine = partial(page_checks, args.config, config.camera.source)
    ask_consent = args.ask_consent and args.source is None  # who names a camera consents
    try:
        with build(config, setup, examine, ask_consent=ask_consent) as supervisor:
            return supervisor, supervisor.run()
    except Exception as exc:
        if not isinstance(exc, MusicondError):  # a bug, which a journal in memory would forget
            RestartGuard(folder, 0).save(f"musicond failed: {fault_place(exc)}")
        raise


def _take_over(folder: Path) -> None:
    """Take over a backup that is to be restored; where that fails, the next start tries again."""
    if (folder / STAGED).is_dir():
        with state_lock(folder):
            try:
                take_over(folder)
            except StateDirError as exc:
                log.error("%s", exc)  # noqa: TRY400 - no bug, so without a traceback


def _with_source(config: Config, source: str | None) -> Config:
    """Return the configuration with the camera source of the command line, where one is given."""
    if source is None:
        return config
    return config.model_copy(update={"camera": config.camera.model_copy(update={"source": source})})


def _source(text: str) -> str:
    if is_url(text):
        return _url(text)
    if not re.match(SOURCE_PATTERN, text):
        raise argparse.ArgumentTypeError(
            f"{quoted(text)} is not a source; give auto, pi, v4l2[:/dev/videoN], demo, file:PATH, rtsp://... or http://..."
        )
    return text


def _url(text: str) -> str:
    """Return an address of a camera; every user of this machine can read it in the list of processes."""
    try:
        url = parse_url(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"the address {exc}") from None
    if url.may_hold_a_password:
        raise argparse.ArgumentTypeError(
            "the address may hold a password, which other users would see; name it in camera.source of musicon.yaml"
        )
    return text
