"""The paths of directories, sockets and the model."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from musicond.config.schema import Config

SYSTEM_RUNTIME_DIR = Path("/run/musicond")
SYSTEM_STATE_DIR = Path("/var/lib/musicond")
CONTROL_SOCKET = "control.sock"


def _systemd_directory(variable: str) -> Path | None:
    """Return the first directory of a colon-separated variable of systemd, if it is set."""
    first = os.environ.get(variable, "").split(":", 1)[0]
    return Path(first) if first else None


def state_dir(config: Config) -> Path:
    """Return the state directory; it need not exist yet."""
    configured = _systemd_directory("STATE_DIRECTORY") or config.state_dir
    if configured is not None:
        return configured
    base = os.environ.get("XDG_STATE_HOME", "")
    # The XDG specification says that a relative path is ignored.
    home = Path(base) if base.startswith("/") else Path(os.path.expanduser("~/.local/state"))  # noqa: PTH111 - expanduser never raises
    return home / "musicond"


def runtime_dir(config: Config, system: Path = SYSTEM_RUNTIME_DIR) -> Path:
    """Return the directory of the control socket: systemd's, else the system daemon's, else the state directory."""
    configured = _systemd_directory("RUNTIME_DIRECTORY")
    if configured is not None:
        return configured
    if os.path.exists(system / CONTROL_SOCKET) or os.access(system, os.W_OK | os.X_OK):  # noqa: PTH110 - never raises
        return system
    return state_dir(config)


def control_socket(config: Config) -> Path:
    """Return the socket on which a command finds the running daemon."""
    return runtime_dir(config) / CONTROL_SOCKET


def listen_socket(config: Config) -> Path:
    """Return the socket on which this daemon listens: one started by hand leaves the system's alone."""
    return (_systemd_directory("RUNTIME_DIRECTORY") or state_dir(config)) / CONTROL_SOCKET


def daemon_state_dir(config: Config, system: Path = SYSTEM_STATE_DIR) -> Path:
    """Return the state directory of the daemon that a command is for: the system's if there is one."""
    configured = _systemd_directory("STATE_DIRECTORY") or config.state_dir
    return system if configured is None and os.path.isdir(system) else state_dir(config)  # noqa: PTH112 - never raises


def models_dir() -> Path:
    """Return the directory of the model and the cascade: $MUSICOND_MODELS, the checkout's, or the installed one."""
    configured = os.environ.get("MUSICOND_MODELS", "")
    return Path(configured) if configured else _shared_dir("models")


def docs_dir() -> Path:
    """Return the directory of the documents: the checkout's, or the installed one, which need not exist."""
    return _shared_dir("docs")


def _shared_dir(name: str) -> Path:
    checkout = Path(__file__).resolve().parents[2] / name
    installed = Path(sys.prefix) / "share/musicond" / name
    packaged = Path("/usr/share/musicond") / name
    return next((path for path in (checkout, installed) if path.is_dir()), packaged)


def model_path(config: Config) -> Path:
    """Return the path of the TFLite model; it need not exist."""
    return config.model.path or models_dir() / "fer_int8.tflite"
