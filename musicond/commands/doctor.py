"""`musicond doctor`: is everything here that musicond needs, and if not, what to do."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from musicond.commands.checks import (
    PACKAGES,
    Check,
    check_broker,
    check_camera,
    check_catalogue,
    check_model,
    check_package,
    check_page,
    check_runtime,
    check_state_dir,
    failed,
)
from musicond.commands.checks_machine import check_clock, check_power, check_python, check_temperature
from musicond.commands.options import add_config, load_config
from musicond.config import Config, ConfigError, model_path, models_dir, mqtt_password, runtime_dir, state_dir

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

HELP = "check this machine and say what to do"
CASCADE = "haarcascade_frontalface_default.xml"
UNAVAILABLE = 69


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print every check; return 69 if one failed."""
    checks = []
    for check in examine(args):
        checks.append(check)
        if not args.json:
            print(f"{check.state:8} {check.name:12} {check.found}", flush=True)
            if check.remedy:
                print(f"{'':8} {'':12} -> {check.remedy}", flush=True)
    if args.json:
        print(json.dumps([asdict(check) for check in checks], indent=1))
    return UNAVAILABLE if failed(checks) else 0


def examine(args: argparse.Namespace) -> Iterator[Check]:
    """Yield the checks of this machine, one by one: some take seconds."""
    yield check_python()
    yield from (check_package(package) for package in PACKAGES)
    yield check_runtime()
    config, password = Config(), None
    try:
        loaded = load_config(args)
        config = loaded.config
        password = mqtt_password(config)
        yield Check("config", "ok", str(loaded.path or "no file: defaults"))
    except ConfigError as error:
        remedy = "correct it; the checks below use the defaults where it can't be read"
        yield Check("config", "failed", "; ".join(error.faults), remedy)
    folder = state_dir(config)
    yield check_camera(config.camera.source)
    yield check_model(model_path(config), models_dir() / CASCADE)
    yield check_catalogue(folder / "catalogue.sqlite")
    yield check_broker(config.mqtt, password)
    yield check_page(config.web.address, runtime_dir(config) / "control.sock")
    yield check_state_dir(folder)
    yield check_clock()
    yield check_temperature()
    yield check_power()
