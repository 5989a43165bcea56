"""The places of files and sockets."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from musicond.config.schema import Config

SYSTEM_RUNTIME_DIR = Path("/run/musicond")


SYSTEM_STATE_DIR = Path("/var/lib/musicond")


CONTROL_SOCKET = "control.sock"


def _first_folder(variable: str) -> Path | None:
    """Return the first folder of a colon-separated list that systemd sets, if it is set."""
    first = os.environ.get(variable, "").split(":", 1)[0]
    return Path(first) if first else None


def state_dir(config: Config) -> Path:
    """Return the folder for what outlives a restart; it need not exist yet."""
    given = _first_folder("STATE_DIRECTORY") or config.state_dir
    if given is not None:
        return given
    base = os.environ.get("XDG_STATE_HOME", "")
    # The XDG rules say that a relative path is to be ignored.
    home = Path(base) if base.startswith("/") else Path(os.path.expanduser("~/.local/state"))  # noqa: PTH111 - expanduser never raises
    return home / "musicond"


def runtime_dir(config: Config, system: Path = SYSTEM_RUNTIME_DIR) -> Path:
    """Return the folder of `control.sock`: systemd's, else that of the system's daemon, else the state directory."""
    given = _first_folder("RUNTIME_DIRECTORY")
    if given is not None:
        return given
    if os.path.exists(system / "control.sock") or os.access(system, os.W_OK | os.X_OK):  # noqa: PTH110 - never raises
        return system
    return state_dir(config)


def control_socket(config: Config) -> Path:
    """Return where a command finds the running daemon."""
    return runtime_dir(config) / CONTROL_SOCKET


def listen_socket(config: Config) -> Path:
    """Return where the daemon itself listens: a daemon started by hand leaves the system's alone."""
    return (_first_folder("RUNTIME_DIRECTORY") or state_dir(config)) / CONTROL_SOCKET


def daemon_state_dir(config: Config, system: Path = SYSTEM_STATE_DIR) -> Path:
    """Return the state directory of the daemon that a command means: the system's, where there is one."""
    told = _first_folder("STATE_DIRECTORY") or config.state_dir
    return system if told is None and os.path.isdir(system) else state_dir(config)  # noqa: PTH112 - never raises


def models_dir() -> Path:
    """Return the folder of the model and the cascade: $MUSICOND_MODELS, the checkout's, or the installed one."""
    given = os.environ.get("MUSICOND_MODELS", "")
    if given:
        return Path(given)
    checkout = Path(__file__).resolve().parents[2] / "models"
    installed = Path(sys.prefix) / "share/musicond/models"
    packaged = Path("/usr/share/musicond/models")
    return next((path for path in (checkout, installed) if path.is_dir()), packaged)


def model_path(config: Config) -> Path:
    """Return the TFLite file to load; it need not exist."""
    return config.model.path or models_dir() / "fer_int8.tflite"
