"""`musicond doctor`: check this machine and print a remedy for each fault."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from musicond.commands import checks
from musicond.commands.checks import Check
from musicond.errors import UNAVAILABLE, ConfigError

CASCADE = "haarcascade_frontalface_default.xml"
NEEDED_FOR_CONFIG = ("pydantic", "PyYAML")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--config", type=Path, metavar="F", help="the configuration file")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print every check; return 69 if one failed."""
    results = []
    for check in examine(args):
        results.append(check)
        if not args.json:
            print(f"{check.state:8} {check.name:12} {check.found}", flush=True)
            if check.remedy:
                print(f"{'':8} {'':12} -> {check.remedy}", flush=True)
    if args.json:
        print(json.dumps([asdict(check) for check in results], indent=1))
    return UNAVAILABLE if any(check.state == "failed" for check in results) else 0


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


def page_checks(path: Path | None) -> list[dict[str, str]]:
    """Return the checks that the page of the running daemon shows: those that a running daemon can still fail."""
    return [asdict(check) for check in (*_check_configuration(path, running=True), *_check_machine())]


def _check_machine() -> Iterator[Check]:
    yield checks.check_clock()
    yield checks.check_temperature()
    yield checks.check_power()


def _check_configuration(path: Path | None, *, running: bool = False) -> Iterator[Check]:
    """Yield the checks that depend on the configuration."""
    # Here, not above: without pydantic the doctor must still run.
    from musicond.config import paths
    from musicond.config.loader import load
    from musicond.config.schema import Config
    from musicond.config.secrets import mqtt_password, page_token

    config, password = Config(), None
    try:
        loaded = load(path)
        config = loaded.config
        password = mqtt_password(config)
        page_token(config)
        yield Check("config", "ok", str(loaded.path or "no file: defaults"))
    except ConfigError as error:
        remedy = "correct it; the checks below use the defaults where it can't be read"
        yield Check("config", "failed", "; ".join(error.problems), remedy)
    folder = paths.daemon_state_dir(config)
    if not running:
        yield checks.check_camera(config.camera.source)
        yield checks.check_model(paths.model_path(config), paths.models_dir() / CASCADE)
        yield checks.check_page(config.web.address, paths.control_socket(config))
    yield checks.check_catalogue(folder / "catalogue.sqlite")
    yield checks.check_broker(config.mqtt, password)
    yield checks.check_state_dir(folder)
