"""The commands that control the music and the mood through the daemon, such as `musicond next`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from musicond.commands.options import add_config
from musicond.config.loader import load
from musicond.config.paths import control_socket
from musicond.core.models import Emotion
from musicond.core.settings import MANUAL_MINUTES, MAX_MINUTES
from musicond.errors import NO_PLAYER, CommandError, bounded_number, counted
from musicond.web.client import ControlClient


@dataclass(frozen=True, slots=True)
class ControlCommand:
    """A command: its arguments, and the function that sends it and returns the text to print."""

    run: Callable[[ControlClient, argparse.Namespace], str]
    add: Callable[[argparse.ArgumentParser], object] = lambda _: None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command that the parser is for."""
    command = CONTROLS[parser.prog.rpartition(" ")[2]]
    add_config(parser)
    command.add(parser)
    parser.set_defaults(control=command)


def run(args: argparse.Namespace) -> None:
    """Send the command to the daemon; raise CommandError, ConfigError or ControlError."""
    print(args.control.run(ControlClient(control_socket(load(args.config).config)), args))


def _send(path: str, done: str) -> ControlCommand:
    return ControlCommand(lambda client, _: _send_to_player(client, path, done))


def _send_to_player(client: ControlClient, path: str, done: str, **body: object) -> str:
    """Send a command to the player; return the text to print: `done`, or that it takes longer."""
    return done if client.send(path, **body) else "the player is still at it; musicond status shows when it is done"


def _rate(verdict: str | None) -> ControlCommand:
    def send(client: ControlClient, args: argparse.Namespace) -> str:
        if verdict is None:
            client.send("withdraw", id=args.id)
            return "withdrawn"
        client.send("rate", verdict=verdict, id=args.id)
        return f"{verdict}d"

    default = "the first song shown" if verdict else "the one rated last"
    return ControlCommand(send, lambda parser: _add_id(parser, default))


def _add_id(parser: argparse.ArgumentParser, default: str) -> None:
    text = f"the song's id, as musicond catalogue list shows it; default: {default}"
    parser.add_argument("id", nargs="?", metavar="ID", help=text)


def _play(client: ControlClient, args: argparse.Namespace) -> str:
    return _send_to_player(client, "play", "playing", id=args.id)


def _playback(client: ControlClient) -> Mapping[str, Any]:
    """Return the state of the player, empty where it is not known yet; raise CommandError without a player."""
    state = client.state()
    if state["playback"] is None and state["since"] is not None:
        raise CommandError(NO_PLAYER)
    return state["playback"] or {}


def _next(client: ControlClient, _: argparse.Namespace) -> str:
    # Without a loaded track, the API's command recommends other songs.
    if _playback(client).get("state") not in ("playing", "paused"):
        raise CommandError("nothing plays now, so there is no next track")
    return _send_to_player(client, "next", "next track")


def _volume(client: ControlClient, args: argparse.Namespace) -> str:
    text = f"volume: {args.percent:g} %; never above playback.volume_max"
    return _send_to_player(client, "volume", text, percent=args.percent)


def _autoplay(client: ControlClient, args: argparse.Namespace) -> str:
    client.send("autoplay", on=args.switch == "on")
    return f"autoplay: {args.switch}"


def _mood(client: ControlClient, args: argparse.Namespace) -> str:
    if args.mood == "auto":
        client.send("mood", mood=None)
        return "the camera decides"
    client.send("mood", mood=args.mood, minutes=args.minutes)
    return f"{args.mood} for {counted(args.minutes, 'minute')}; musicond mood auto ends it"


def _speaker(client: ControlClient, args: argparse.Namespace) -> str:
    if args.name is None:
        _playback(client)
        answer = client.run_action("playback", "speakers")
        if answer["reason"]:
            raise CommandError(answer["reason"])
        speakers = answer["speakers"]
        return "\n".join(f"{'*' if item['selected'] else ' '} {item['name']}" for item in speakers) or "no speaker now"
    text = f"speaker: {args.name}; musicond settings reset speaker goes back"
    return _send_to_player(client, "speaker", text, name=args.name)


def _number(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        number = bounded_number(text, low, high)
        if number is None:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {low:g} to {high:g}")
        return number

    return parse


def _add_mood(parser: argparse.ArgumentParser) -> None:
    words = ("auto", *map(str, Emotion))
    parser.add_argument("mood", choices=words, metavar="MOOD", help=f"one of {', '.join(words)}")
    parser.add_argument(
        "--minutes",
        type=_number(1, MAX_MINUTES),
        default=MANUAL_MINUTES,
        metavar="N",
        help=f"default: {MANUAL_MINUTES}",
    )


CONTROLS = {
    "play": ControlCommand(_play, lambda parser: _add_id(parser, "all that is recommended")),
    "stop": _send("stop", "the music is paused; musicond play goes on"),
    "next": ControlCommand(_next),
    "previous": _send("previous", "previous track"),
    "other-songs": _send("other_songs", "other songs"),
    "volume": ControlCommand(
        _volume, lambda parser: parser.add_argument("percent", type=_number(0, 100), metavar="PERCENT")
    ),
    "autoplay": ControlCommand(
        _autoplay, lambda parser: parser.add_argument("switch", choices=("on", "off"), metavar="on|off")
    ),
    "speaker": ControlCommand(
        _speaker, lambda parser: parser.add_argument("name", nargs="?", metavar="NAME", help="default: show them")
    ),
    "mood": ControlCommand(_mood, _add_mood),
    "like": _rate("like"),
    "dislike": _rate("dislike"),
    "withdraw": _rate(None),
}
"""By the name of the command, as `musicond.cli.CONTROLS`."""
