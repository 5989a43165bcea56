"""`musicond spotify login|status|logout|devices`: the account at Spotify, for a machine without a browser."""

from __future__ import annotations

import argparse
import http.server
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property, partial
from queue import Empty, Queue
from typing import Any

import segno

from musicond.app.spotify import Spotify, build_spotify
from musicond.commands.daemon import ask_daemon, writable_state_dir
from musicond.commands.options import add_actions
from musicond.config.overrides import load_effective
from musicond.config.schema import Config
from musicond.errors import CommandError, ConfigError, ListError, NotUnderstood, counted

DESCRIPTION = "the account at Spotify: see docs/spotify.md"
ACTIONS = {
    "login": "sign in: open the link anywhere, paste the address that the browser ends on",
    "status": "who is signed in, what is allowed, and until when",
    "logout": "forget the sign-in",
    "devices": "list the speakers that Spotify shows now",
}
LOGIN_S = 600.0
PASTE = "Paste it here, and press Enter: "
DONE = b"<!doctype html><meta charset=utf-8><title>musicond</title><p>Go back to the terminal: it says more.\n"
PENDING_S = 60.0
"""Longest wait for a slow answer from Spotify to a sign-in."""

add_arguments = partial(add_actions, helps=ACTIONS)


def run(args: argparse.Namespace) -> None:
    """Run one action; raise ConfigError, CommandError, ControlError, ListError, PlaybackError or StateDirError."""
    config = load_effective(args.config).config
    if config.spotify.client_id is None:
        raise ConfigError("spotify.client_id is not set: make an app of your own at Spotify first, see docs/spotify.md")
    account = _Account(config)
    if args.action == "login":
        _login(account, config.spotify.redirect_port)
    elif args.action == "devices":
        _print_devices(account.run_action("devices")["devices"])
    elif args.action == "logout":
        account.run_action("logout")
        print("signed out at Spotify; musicond spotify login signs in again")
    else:
        _print_status(account.run_action(args.action))


class _Account:
    """The account of the daemon, or without one of its state directory; a sign-in in progress stays in memory."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def run_action(self, action: str, **arguments: object) -> dict[str, Any]:
        return ask_daemon(
            self._config,
            lambda client: client.run_action("spotify", action, arguments),
            lambda _: dict(self._local_spotify.sign_in.run_action(action, arguments)),
        )

    @cached_property
    def _local_spotify(self) -> Spotify:
        spotify = build_spotify(self._config, writable_state_dir(self._config))
        assert spotify is not None, "a client id is configured"
        return spotify


def _login(account: _Account, port: int) -> None:
    url = str(account.run_action("begin")["url"])
    segno.make(url, micro=False).terminal(compact=True)
    print(url)
    print(
        "\nOpen this link, on a phone too, and agree. The browser then ends on a page that can't be opened, at an\n"
        f"address that begins with http://127.0.0.1:{port}/callback: copy all of it.",
        flush=True,
    )
    deadline = time.monotonic() + LOGIN_S
    with _receive_addresses(port) as addresses, suppress(Empty):
        print(PASTE, end="", flush=True)
        while address := addresses.get(timeout=max(0.0, deadline - time.monotonic())):
            try:
                _print_status(_wait_for_sign_in(account, account.run_action("finish", redirect=address)))
            except (ListError, NotUnderstood) as exc:  # the next address may be the right one
                print(f"\n{exc}\n{PASTE}", end="", flush=True)
            else:
                return
    raise CommandError("nothing was pasted; nobody is signed in. Try again: musicond spotify login")


@contextmanager
def _receive_addresses(port: int) -> Iterator[Queue[str]]:
    """Yield the addresses of the browser: received on 127.0.0.1 where the port is free, or pasted; "" ends them."""
    addresses: Queue[str] = Queue()
    server: http.server.HTTPServer | None = None

    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            if not self.path.startswith("/callback?"):
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(DONE)))
            self.end_headers()
            self.wfile.write(DONE)
            addresses.put(f"http://127.0.0.1:{port}{self.path}")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Log nothing: the address holds the code."""

    def read_input() -> None:
        for line in filter(None, map(str.strip, sys.stdin)):
            addresses.put(line)
        if server is None:  # no more can come
            addresses.put("")

    with ExitStack() as stack:
        try:
            # Threads, as a browser may open a second connection and send nothing on it.
            server = stack.enter_context(http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler))
            stack.callback(server.shutdown)
            threading.Thread(target=server.serve_forever, daemon=True).start()
        except OSError:
            print(f"Another program uses port {port}: the address can't be caught here.")
        threading.Thread(target=read_input, daemon=True).start()
        yield addresses


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
    print(f"until {status['expires_on']} ({counted(status['days_left'], 'day')} left)")
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
