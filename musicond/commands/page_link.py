"""`musicond page-link [--lan]`: print the page's address as text and as a QR code for the phone."""

from __future__ import annotations

import argparse
import secrets
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import segno

from musicond.commands.options import add_config
from musicond.config.addresses import EVERYWHERE, is_loopback
from musicond.config.editor import edit
from musicond.config.loader import SEARCH, LoadedConfig, load
from musicond.config.paths import daemon_state_dir
from musicond.config.secrets import page_token
from musicond.errors import ConfigError, StateDirError
from musicond.runtime.json_file import replace_file

DESCRIPTION = "print the address of the page, and a QR code for the phone"
TOKEN_BYTES = 16
"""128 random bits."""
_SERVICE_RUNS = Path("/run/systemd/system")
"""Exists where systemd runs the services: sd_booted(3)."""
CHECKOUT_FILE = Path(__file__).resolve().parents[2] / SEARCH[1]
"""The file that git tracks, where this runs in a checkout."""
LOCAL_FILE = SEARCH[1].with_name("local.yaml")
"""A copy of it that git ignores."""
AVAHI = Path("/run/avahi-daemon/socket")
"""Exists where this machine answers to its name in `.local`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument(
        "--lan", action="store_true", help="open the page to the local network first, for those who have the link"
    )


def run(args: argparse.Namespace) -> None:
    """Print the link; with --lan, open the page to the network first. Raises ConfigError or StateDirError."""
    loaded = load(args.config)
    if args.lan:
        _open_to_lan(loaded)
        loaded = load(args.config)
        served = loaded.path == SEARCH[0] and _restart()
        now = "now" if served else "as soon as musicond is started again"
        print(f"The page is open to the local network {now}, for those who have this link:")
    host, port = loaded.config.web.address
    token = page_token(loaded.config)
    query = f"?token={quote(token.get_secret_value())}" if token else ""
    links = [f"http://{f'[{name}]' if ':' in name else name}:{port}/{query}" for name in names(host)]
    if token:
        segno.make(links[0], micro=False).terminal(compact=True)
        note = "It opens the page for whoever has it: show it to nobody else."
    else:  # on a loopback address
        note = "Only this machine itself may open it; for a phone: sudo musicond page-link --lan"
    print(*links, sep="\n")
    print(note, file=sys.stderr)


def _open_to_lan(loaded: LoadedConfig) -> None:
    """Create a token if there is none, and set web.listen and web.token_file in the configuration file."""
    if loaded.path is None:
        raise ConfigError("page-link --lan: there is no configuration file to write it into; name one with --config")
    if loaded.path.resolve() == CHECKOUT_FILE:
        raise ConfigError(
            f"page-link --lan: {SEARCH[1]} is tracked by git; "
            f"cp {SEARCH[1]} {LOCAL_FILE}, and add --config {LOCAL_FILE} here and to script/run"
        )
    config = loaded.config
    host, port = config.web.address
    try:
        file = config.web.token_file or daemon_state_dir(config) / "page-token"
        if not file.exists() or file.stat().st_size == 0:  # empty: an earlier version met a full disk
            # Only the daemon's user, the owner of its state directory, may read it.
            replace_file(file, f"{secrets.token_urlsafe(TOKEN_BYTES)}\n", daemon_state_dir(config))
        listen = f"{EVERYWHERE}:{port}" if is_loopback(host) else config.web.listen
        edit(loaded.path, "web", {"listen": listen, "token_file": str(file)})
    except PermissionError as exc:
        raise StateDirError(f"{exc.filename}: {exc.strerror}; put sudo before the command") from None
    except FileNotFoundError as exc:
        raise StateDirError(f"{exc.filename}: {exc.strerror}; start musicond once, then try again") from None
    except OSError as exc:
        raise StateDirError(f"{exc.filename}: {exc.strerror}; nothing was changed") from None


def _restart() -> bool:
    """Restart the service if it is installed; return whether it is. Raises StateDirError if that fails."""
    systemctl = shutil.which("systemctl")
    if systemctl is None or not _SERVICE_RUNS.exists():
        return False
    if subprocess.run([systemctl, "cat", "musicond.service"], capture_output=True, check=False).returncode:  # noqa: S603 - our own arguments
        return False
    if subprocess.run([systemctl, "restart", "musicond.service"], check=False).returncode:  # noqa: S603 - likewise
        raise StateDirError("musicond does not start with this; it says why: journalctl -u musicond -n 20")
    return True


def names(host: str) -> list[str]:
    """Return the names and addresses that reach the page listening on `host`, the most reliable first."""
    if host not in (EVERYWHERE, "::"):
        return [host]
    local = f"{socket.gethostname().partition('.')[0]}.local"
    address = _own_address()
    if address is None:
        return [local]
    return [local, address] if AVAHI.exists() else [address, local]


def _own_address() -> str | None:
    """Return this machine's IPv4 address in its network; None without one."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # TEST-NET-1 (RFC 5737): chooses a route; no datagram is sent
        return str(probe.getsockname()[0])
    return None
