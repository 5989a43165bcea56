"""`musicond spotify login|status|logout|devices`: the account at Spotify, for a machine without a browser."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import segno

from musicond.app.playback import build_spotify
from musicond.commands.daemon import ask_daemon
from musicond.commands.options import add_actions
from musicond.commands.spotify_callback import CallbackServer
from musicond.config.loader import load
from musicond.errors import CommandError, ConfigError, ListError, NotUnderstood, StateDirError

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from musicond.config.schema import Config
    from musicond.spotify.sign_in import SignIn

DESCRIPTION = "the account at Spotify: see docs/spotify.md"
ACTIONS = {
    "login": "sign in: open the link anywhere, paste the address that the browser ends on",
    "status": "who is signed in, what is allowed, and until when",
    "logout": "forget the sign-in",
    "devices": "list the speakers that Spotify shows now",
}
LOGIN_S = 600.0
PASTE = "Paste it here, and press Enter: "
PENDING_S = 60.0
"""Longest wait for a slow answer from Spotify to a sign-in."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    add_actions(parser, ACTIONS)


def run(args: argparse.Namespace) -> None:
    """Run one action; raise ConfigError, CommandError, ControlError, ListError, PlaybackError or StateDirError."""
    config = load(args.config).config
    if config.spotify.client_id is None:
        raise ConfigError("spotify.client_id is not set: make an app of your own at Spotify first, see docs/spotify.md")
    account = _Account(config)
    if args.action == "login":
        _login(account, config.spotify.redirect_port)
    elif args.action == "devices":
        _print_devices(account.run_action("devices")["devices"])
    else:
        _print_status(account.run_action(args.action))


class _Account:
    """The account of the daemon, or without one of its state directory; a sign-in in progress stays in memory."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._sign_in: SignIn | None = None

    def run_action(self, action: str, **arguments: object) -> dict[str, Any]:
        return ask_daemon(
            self._config,
            lambda client: client.run_action("spotify", action, arguments),
            lambda folder: dict(self._local_sign_in(folder).run_action(action, arguments)),
        )

    def _local_sign_in(self, folder: Path) -> SignIn:
        if self._sign_in is None:
            # No lock: the file is replaced as a whole, and a lock file of root would keep the daemon out.
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as exc:
                raise StateDirError(f"{folder}: {exc.strerror}; put sudo before the command") from None
            spotify = build_spotify(self._config, folder)
            assert spotify is not None, "a client id is configured"
            self._sign_in = spotify.sign_in
        return self._sign_in


def _login(account: _Account, port: int) -> None:
    url = str(account.run_action("begin")["url"])
    segno.make(url, micro=False).terminal(compact=True)
    print(url)
    print(
        "\nOpen this link, on a phone too, and agree. The browser then ends on a page that can't be opened, at an\n"
        f"address that begins with http://127.0.0.1:{port}/callback: copy all of it.",
        flush=True,
    )
    with CallbackServer(port) as callback:
        deadline = time.monotonic() + LOGIN_S
        if not callback.listens:
            print(f"Another program uses port {port}: the address can't be caught here.")
        print(PASTE, end="", flush=True)
        while (address := callback.wait(deadline - time.monotonic())) is not None:
            try:
                _print_status(_wait_for_sign_in(account, account.run_action("finish", redirect=address)))
            except (ListError, NotUnderstood) as exc:  # the next address may be the right one
                print(f"\n{exc}\n{PASTE}", end="", flush=True)
            else:
                return
    raise CommandError("nothing was pasted; nobody is signed in. Try again: musicond spotify login")


def _wait_for_sign_in(account: _Account, status: dict[str, Any]) -> dict[str, Any]:
    """Return the status after at most PENDING_S of waiting; raise CommandError if nobody is signed in."""
    deadline = time.monotonic() + PENDING_S
    while status["pending"] and time.monotonic() < deadline:
        time.sleep(1)
        status = account.run_action("status")
    if not status["signed_in"]:
        raise CommandError(str(status["trouble"]))
    return status


def _print_status(status: dict[str, Any]) -> None:
    if not status["signed_in"]:
        print(status["trouble"])
        return
    print(f"signed in as {status['user'] or 'a user whose name is not known'}, since {status['signed_in_on']}")
    print(f"until {status['expires_on']} ({status['days_left']} days left)")
    print(f"allowed: {', '.join(status['scopes'])}")
    if status["trouble"]:
        print(status["trouble"])


def _print_devices(devices: list[dict[str, Any]]) -> None:
    if not devices:
        print("Spotify shows no speaker; select one in a Spotify app first, see docs/spotify.md", file=sys.stderr)
    for device in devices:
        notes = [device["type"]]
        notes += ["active"] if device["active"] else []
        notes += [] if device["usable"] else ["takes no commands"]
        print(f"{device['name']}  ({', '.join(notes)})")
