"""`musicond music-assistant login|players|status|logout`: the sign-in at Music Assistant, and its players."""

from __future__ import annotations

import argparse
import getpass
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any

from musicond.app.music_assistant import BACKEND, MusicAssistant
from musicond.commands.daemon import ask_daemon, writable_state_dir
from musicond.commands.options import add_actions
from musicond.config.loader import load
from musicond.config.schema import Config
from musicond.errors import CommandError, counted

if TYPE_CHECKING:  # requests is loaded only where it is needed
    from musicond.music_assistant.sign_in import MusicAssistantSignIn

DESCRIPTION = "the sign-in at Music Assistant: see docs/music-assistant.md"
ACTIONS = {
    "login": "sign in with a user and password of Music Assistant, which are not kept",
    "players": "list the players of Music Assistant",
    "status": "who is signed in, where, and until when",
    "logout": "forget the sign-in",
}
NO_PLAYER = "none; choose the speaker: musicond speaker NAME, or set music_assistant.player"
DEFAULT_URL = "http://homeassistant.local:8095"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = add_actions(parser, helps=ACTIONS)
    actions["login"].add_argument("url", nargs="?", help="address of the server; default: looked for in the network")
    actions["login"].add_argument("--user", help="name of the user; default: asked for")


def run(args: argparse.Namespace) -> None:
    """Run one action; raise ConfigError, CommandError, ControlError, ListError, PlaybackError or StateDirError."""
    config = load(args.config).config
    server = _Server(config)
    if args.action == "login":
        print_status(_log_in(server, config, args))
    elif args.action == "players":
        print_players(server.run_action("players")["players"])
    elif args.action == "logout":
        revoked = server.run_action("logout")["revoked"]
        print("signed out at Music Assistant; musicond music-assistant login signs in again")
        if not revoked:
            print("the server still has the token musicond: delete it there, in the user's profile", file=sys.stderr)
    else:
        print_status(server.run_action(args.action))


class _Server:
    """The sign-in of the daemon, or without one that of its state directory."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def run_action(self, action: str, **arguments: object) -> dict[str, Any]:
        return ask_daemon(
            self._config,
            lambda client: client.run_action(BACKEND, action, arguments),
            lambda _: self._local.run_action(action, arguments),
        )

    @cached_property
    def _local(self) -> MusicAssistantSignIn:
        return MusicAssistant(self._config, writable_state_dir(self._config)).sign_in


def _log_in(server: _Server, config: Config, args: argparse.Namespace) -> dict[str, Any]:
    url = args.url or config.music_assistant.url or _find_url(server)
    user = args.user or _ask("User of Music Assistant: ")
    password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    return server.run_action("login", url=url, user=user, password=password)


def _find_url(server: _Server) -> str:
    found = server.run_action("servers")
    servers = [str(url) for url in found["servers"]]
    if len(servers) == 1:
        print(f"found {servers[0]}")
        return servers[0]
    for url in servers:
        print(url)
    if not found["searched"]:
        print("the network can't be searched; install avahi-utils, or type the address")
    default = servers[0] if servers else DEFAULT_URL
    return _ask(f"Address of the server [{default}]: ", default)


def _ask(prompt: str, default: str = "") -> str:
    print(prompt, end="", flush=True)
    answer = sys.stdin.readline().strip() or default
    if not answer:
        raise CommandError("nothing was entered; nobody is signed in. Try again: musicond music-assistant login")
    return answer


def print_status(status: dict[str, Any]) -> None:
    """Print the sign-in."""
    if not status["signed_in"]:
        print(status["trouble"])
        return
    print(f"signed in at {status['url']} as {status['user'] or 'a user whose name is not known'}")
    if status["expires_on"]:
        print(f"until {status['expires_on']} ({counted(status['days_left'], 'day')} left)")
    print(f"player: {status['player'] or NO_PLAYER}")
    if status["trouble"]:
        print(status["trouble"])


def print_players(players: list[dict[str, Any]]) -> None:
    """Print a line for each player."""
    if not players:
        print("Music Assistant shows no player; add one in its settings", file=sys.stderr)
    for player in players:
        notes = [player["type"]]
        notes += ["configured"] if player["configured"] else []
        notes += [] if player["available"] else ["not reachable"]
        notes += [] if player["powered"] else ["switched off"]
        print(f"{player['name']}  ({', '.join(notes)})")
