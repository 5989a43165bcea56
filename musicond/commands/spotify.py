"""`musicond spotify login|status|logout|devices`: the account at Spotify, without a screen or a browser here."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import segno

from musicond.app.playback import build_spotify
from musicond.commands.options import add_config, load_config
from musicond.commands.spotify_callback import CallbackServer
from musicond.config.paths import control_socket, daemon_state_dir
from musicond.errors import CommandError, ConfigError, ListError, NotRunning, NotUnderstood, StateDirError
from musicond.web.client import ControlClient

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from musicond.config.schema import Config

HELP = "the account at Spotify: see docs/spotify.md"
WORDS = {
    "login": "sign in: open the link anywhere, paste the address that the browser ends on",
    "status": "who is signed in, what is allowed, and until when",
    "logout": "forget the sign-in",
    "devices": "list the speakers that Spotify shows now",
}
LOGIN_S = 600.0
PASTE = "Paste it here, and press Enter: "
PENDING_S = 60.0
"""How long a sign-in that Spotify is slow with is waited for."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what can be done."""
    add_config(parser)
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    for name, text in WORDS.items():
        action = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False)
        add_config(action, action=True)


def run(args: argparse.Namespace) -> int:
    """Do it; raise ConfigError, CommandError, ControlError, ListError, SpeakerError or StateDirError."""
    config = load_config(args).config
    if config.spotify.client_id is None:
        raise ConfigError("spotify.client_id is not set: make an app of your own at Spotify first, see docs/spotify.md")
    if args.action == "login":
        return _login(config)
    found = _ask(config, args.action)
    if args.action == "devices":
        _show_devices(found)
    else:
        _show_status(found)
    return 0


def _ask(config: Config, action: str, arguments: dict[str, object] | None = None) -> dict[str, Any]:
    """Ask the daemon, or without one do it here, in its state directory."""
    try:
        return ControlClient(control_socket(config)).run_action("spotify", action, arguments)
    except NotRunning:
        return _here(config)(action, arguments or {})


def _here(config: Config) -> Callable[[str, dict[str, object]], dict[str, Any]]:
    """Return what does it without a daemon; one sign-in of this process goes on from step to step."""
    folder = daemon_state_dir(config)
    if folder not in _HERE:
        # No lock: the file is replaced as a whole, and a lock that root makes would keep the daemon out.
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as fault:
            raise StateDirError(f"{folder}: {fault.strerror}; put sudo before the command") from None
        made = build_spotify(config, folder)
        assert made is not None, "a client id is configured"
        _HERE[folder] = made.sign_in
    sign_in = _HERE[folder]
    return lambda action, arguments: dict(sign_in.do(action, arguments))


_HERE: dict[Any, Any] = {}


def _login(config: Config) -> int:
    url = str(_ask(config, "begin")["url"])
    segno.make(url, micro=False).terminal(compact=True)
    print(url)
    print(
        "\nOpen this link, on a phone too, and agree. The browser then ends on a page that can't be opened, at an\n"
        f"address that begins with http://127.0.0.1:{config.spotify.redirect_port}/callback: copy all of it.",
        flush=True,
    )
    with CallbackServer(config.spotify.redirect_port) as redirect:
        end = time.monotonic() + LOGIN_S
        if not redirect.listens:
            print(f"Another program uses port {config.spotify.redirect_port}: the address can't be caught here.")
        print(PASTE, end="", flush=True)
        while (address := redirect.wait(end - time.monotonic())) is not None:
            try:
                _show_status(_settled(config, _ask(config, "finish", {"redirect": address})))
            except (ListError, NotUnderstood) as fault:  # another address may still be the right one
                print(f"\n{fault}\n{PASTE}", end="", flush=True)
            else:
                return 0
    raise CommandError("nothing was pasted; nobody is signed in. Try again: musicond spotify login")


def _settled(config: Config, found: dict[str, Any]) -> dict[str, Any]:
    """Wait a little for a sign-in that goes on; raise CommandError where it comes to nothing."""
    end = time.monotonic() + PENDING_S
    while found["pending"] and time.monotonic() < end:
        time.sleep(1)
        found = _ask(config, "status")
    if not found["signed_in"]:
        raise CommandError(str(found["trouble"]))
    return found


def _show_status(found: dict[str, Any]) -> None:
    if not found["signed_in"]:
        print(found["trouble"])
        return
    print(f"signed in as {found['user'] or 'a user whose name is not known'}, since {found['signed_in_on']}")
    print(f"until {found['expires_on']} ({found['days_left']} days left)")
    print(f"allowed: {', '.join(found['scopes'])}")
    if found["trouble"]:
        print(found["trouble"])


def _show_devices(found: dict[str, Any]) -> None:
    if not found["devices"]:
        print("Spotify shows no speaker; select one in a Spotify app first, see docs/spotify.md", file=sys.stderr)
    for each in found["devices"]:
        notes = [
            each["type"],
            *(["active"] if each["active"] else []),
            *(["takes no commands"] if not each["usable"] else []),
        ]
        print(f"{each['name']}  ({', '.join(notes)})")
