"""`musicond doctor`: check this machine and print a remedy for each fault."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musicond.commands import checks, machine_checks, terminal
from musicond.commands.broker_check import check_broker
from musicond.commands.camera_check import check_camera, check_open_camera
from musicond.commands.checks import Check
from musicond.commands.options import write_file
from musicond.commands.service_user import service_user
from musicond.errors import UNAVAILABLE, ConfigError, ControlError, counted
from musicond.web.client import ControlClient

if TYPE_CHECKING:  # the doctor runs without pydantic
    from musicond.config.schema import Config

CASCADE = "haarcascade_frontalface_default.xml"
NEEDED_FOR_CONFIG = ("pydantic", "PyYAML")
LAST_LIBRARY = "TFLite"
LIBRARIES = (*(package.name for package in checks.PACKAGES), LAST_LIBRARY)
"""Names of the checks that are one line while they are well."""
OF_THE_DAEMON = ("catalogue", "broker", "player", "state", "storage", "ended", "cgroup", "cma")
"""Checks that a running daemon answers itself: it runs as another user, who may read more or less."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--config", type=Path, metavar="F", help="the configuration file")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--bundle", type=Path, metavar="FILE", help="write a text file for a report, without moods, songs and passwords"
    )
    parser.add_argument("--all", action="store_true", help="print every library, too")


def run(args: argparse.Namespace) -> int:
    """Print every check and what they add up to; return 69 if one failed."""
    results: list[Check] = []
    # A bar beside the lines would break them.
    lines_are_shown = sys.stdout.isatty() and not args.json
    for check in examine(args) if lines_are_shown else terminal.track(examine(args), "checking"):
        results.append(check)
        if not args.json and (args.all or check.name not in LIBRARIES or check.state != "ok"):
            _print(check)
        if not args.json and not args.all and check.name == LAST_LIBRARY:
            _print(_folded([item for item in results if item.name in LIBRARIES]))
    if args.bundle:
        _write_bundle(args, results)
    failed = [check.name for check in results if check.state == "failed"]
    if args.json:
        print(json.dumps([asdict(check) for check in results], indent=1))
    else:
        terminal.echo(*_closing(failed, [check.name for check in results if check.state == "warning"]))
    return UNAVAILABLE if failed else 0


def _write_bundle(args: argparse.Namespace, results: list[Check]) -> None:
    from musicond.commands.bundle import bundle_text

    write_file(args.bundle, bundle_text(args.config, results).encode())
    print(f"{args.bundle} written; read it before you send it", file=sys.stderr)


def _print(check: Check) -> None:
    terminal.echo((f"{check.state:8}", check.state), f" {check.name:12} {terminal.one_line(check.found)}")
    if check.remedy and check.state != "ok":
        terminal.echo(f"{'':8} {'':12} -> {terminal.one_line(check.remedy)}")


def _folded(libraries: list[Check]) -> Check:
    """Return one check for the libraries that are well."""
    well = [check for check in libraries if check.state == "ok"]
    absent = [check.name for check in well if check.found.startswith("not installed")]
    note = f"; optional, not installed: {', '.join(absent)}" if absent else ""
    return Check("libraries", "ok", f"{len(well) - len(absent)} as needed{note}; --all lists them")


def _closing(failed: list[str], warnings: list[str]) -> list[str | tuple[str, str]]:
    if failed:
        text = f"{counted(len(failed), 'check')} failed: {', '.join(failed)}"
        return [(text, "failed"), "; the lines with -> say what to do"]
    if warnings:
        return [(f"musicond can run; {counted(len(warnings), 'warning')}: {', '.join(warnings)}", "warning")]
    return [("all is well", "ok")]


def examine(args: argparse.Namespace) -> Iterator[Check]:
    """Yield the checks of this machine one by one; some take seconds."""
    yield checks.check_python()
    packages = [checks.check_package(package) for package in checks.PACKAGES]
    yield from packages
    yield checks.check_runtime()
    if any(check.state == "failed" for check in packages if check.name in NEEDED_FOR_CONFIG):
        yield Check("config", "failed", "can't be read without the packages above", "install them, then try again")
    else:
        yield from _check_configuration(args.config)
    yield from _check_machine()


def page_checks(path: Path | None, source: str) -> list[dict[str, str]]:
    """Return the checks that the page of a daemon with this source of pictures shows: those that it can still fail."""
    return [asdict(check) for check in (*_check_configuration(path, source), *_check_machine())]


def _check_machine() -> Iterator[Check]:
    yield checks.check_clock()
    yield checks.check_temperature()
    yield machine_checks.check_power()
    yield machine_checks.check_memory()
    yield machine_checks.check_wifi()
    yield machine_checks.check_journal()


def _check_place(config: Config, folder: Path) -> Iterator[Check]:
    """Yield the checks of the machine that depend on the configuration."""
    yield machine_checks.check_storage(folder)
    yield machine_checks.check_last_end(folder)
    yield machine_checks.check_cgroup(config.device.memory_max_mib)
    yield machine_checks.check_cma(config.camera.source)


def _check_configuration(path: Path | None, running_source: str | None = None) -> Iterator[Check]:
    """Yield the checks that depend on the configuration; `running_source` is that of the daemon that asks, if one does.

    It may differ from the configured one.
    """
    # Here, not above: without pydantic the doctor must still run.
    from musicond.config import paths
    from musicond.config.overrides import load_effective
    from musicond.config.schema import Config
    from musicond.config.secrets import camera_credentials, mqtt_password, page_token
    from musicond.mqtt.discovery import node_id

    config, password = Config(), None
    try:
        loaded = load_effective(path)
        config = loaded.config
        password = mqtt_password(config)
        page_token(config)
        camera_credentials(config)
        yield Check("config", "ok", str(loaded.path or "no file: defaults"))
    except ConfigError as error:
        remedy = "correct it; the checks below use the defaults where it can't be read"
        yield Check("config", "failed", "; ".join(error.problems), remedy)
    folder = paths.daemon_state_dir(config)
    user = service_user(folder) if folder == paths.SYSTEM_STATE_DIR else None
    access = user.access if user else os.access
    if running_source is None:
        client = ControlClient(paths.control_socket(config))
        state, answers = _ask(client)
        yield check_open_camera(state) if state else check_camera(config, access)
        yield checks.check_model(paths.model_path(config), paths.models_dir() / CASCADE)
        yield checks.check_page(config.web.address, paths.control_socket(config))
        if (playback := state.get("playback")) and playback["backend"] != "music-assistant":
            yield checks.check_open_player(playback)
        if answers:
            yield from answers
            return
    else:
        yield checks.check_python()
        yield machine_checks.check_detected(running_source)
    yield checks.check_catalogue(folder / "catalogue.sqlite")
    yield check_broker(config.mqtt, password, node_id(config.device.node))
    if config.playback.backend == "music-assistant":
        yield checks.check_music_assistant(config, folder)
    yield checks.check_state_dir(folder, access)
    yield from _check_place(config, folder)


def _ask(client: ControlClient) -> tuple[dict[str, Any], list[Check]]:
    """Return the state of the running daemon and its answers to OF_THE_DAEMON; both are empty without a daemon."""
    try:
        state = client.state()
        answers = client.run_action("doctor", "check")["checks"]
    except (ControlError, LookupError):
        return {}, []
    return state if "health" in state else {}, [Check(**item) for item in answers if item["name"] in OF_THE_DAEMON]
