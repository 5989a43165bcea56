"""`musicond status`: print the mood, the reason for the songs, what plays and where the page is."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from musicond.commands import terminal
from musicond.commands.options import add_config
from musicond.config.addresses import EVERYWHERE, EVERYWHERE_IPV6
from musicond.config.loader import load
from musicond.config.paths import control_socket
from musicond.core.models import NO_CAMERA_YET
from musicond.web.client import ControlClient

DESCRIPTION = "show the mood, why these songs are recommended, what plays, and where the page is"
POLL_S = 1.0
NAME_WIDTH = 13
State = Mapping[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print the whole state as JSON")
    parser.add_argument("--watch", action="store_true", help="print a line for each change, until Ctrl-C")


def run(args: argparse.Namespace) -> None:
    """Print the state of the running daemon; raise ConfigError or ControlError."""
    client = ControlClient(control_socket(load(args.config).config))
    if args.watch:
        _watch(client, as_json=args.json)
    elif args.json:
        print(json.dumps(client.state(), ensure_ascii=False, indent=1))
    else:
        for name, text, style in rows(client.state()):
            terminal.echo((f"{name:{NAME_WIDTH}}", "note"), (terminal.one_line(text), style))


def _watch(client: ControlClient, *, as_json: bool) -> None:
    last = ""
    while True:
        state = client.state()
        shown = json.dumps(_summary(state), ensure_ascii=False) if as_json else summary_line(state)
        if shown != last:
            terminal.echo(shown if as_json else f"{datetime.now().astimezone():%H:%M:%S}  {shown}")
        last = shown
        time.sleep(POLL_S)


def _summary(state: State) -> dict[str, Any]:
    playback = state["playback"] or {}
    return {
        "mood": state["mood"],
        "watching": state["watching"],
        "since": state["since"],
        "playing": playback.get("track") if playback.get("state") == "playing" else None,
    }


def summary_line(state: State) -> str:
    """Return the mood, or why none is read, and the track that plays."""
    mood = state["mood"] if state["watching"] == "yes" else WATCHING[state["watching"]](state)
    return terminal.one_line(f"{mood}  |  {_playing(state)}")


def rows(state: State) -> Iterator[tuple[str, str, str]]:
    """Yield the name, the text and the style of each line."""
    health = state["health"]
    watching = state["watching"]
    mood = f"{state['mood']}{_percent(state)}{_since(state['since'])}"
    yield "mood", mood, "bold" if watching == "yes" else "note"
    yield "watching", WATCHING[watching](state), "ok" if watching == "yes" else "warning"
    recommendation = state["recommendation"]
    if recommendation:
        yield "recommended", "; ".join(map(_song, _wanted(recommendation))) or "nothing", ""
        yield "why", recommendation["reason"], ""
    yield "playing", _playing(state), ""
    if playback := state["playback"]:
        held = f"; waits: {playback['holding']}" if playback["autoplay"] and playback["holding"] else ""
        yield "autoplay", f"{'on' if playback['autoplay'] else 'off'}{held}", ""
        if playback["trouble"]:
            yield "player", playback["trouble"], "failed"
    if health.get("camera") != NO_CAMERA_YET:
        yield "camera", str(health.get("camera") or "unknown"), ""
    yield "page", _page(str(health.get("outputs", {}).get("page", "unknown")).partition(",")[0]), ""
    yield "version", state["version"], "note"
    for problem in (state["notice"], *health.get("problems", ())):
        if problem:
            yield "problem", str(problem), "warning"


def _page(address: str) -> str:
    """Return the address of the page, or how to get one where it answers on all addresses of this machine."""
    host, _, port = address.rpartition(":")
    if host not in [f"http://{everywhere}" for everywhere in (EVERYWHERE, f"[{EVERYWHERE_IPV6}]")]:
        return address
    return f"open to your network at port {port}; musicond page-link prints the link"


def _percent(state: State) -> str:
    return f" ({terminal.percent(state['confidence'])})" if state["confidence"] and state["mood"] != "nobody" else ""


def _since(text: str | None) -> str:
    if text is None:
        return ""
    when, now = datetime.fromisoformat(text).astimezone(), datetime.now().astimezone()
    return f", since {when:%H:%M}" if when.date() == now.date() else f", since {when:%Y-%m-%d %H:%M}"


def _wanted(recommendation: State) -> list[State]:
    """Return the recommended tracks but those that were disliked, unless that were all of them."""
    tracks = recommendation["tracks"]
    return [track for track in tracks if track["id"] not in recommendation["disliked"]] or tracks


def _song(track: Mapping[str, str]) -> str:
    return f"{track['title']} – {track['artist']}" if track["artist"] else track["title"]  # noqa: RUF001 - the usual dash


def _playing(state: State) -> str:
    playback = state["playback"]
    if not playback:
        return "no player is configured" if state["since"] else "not known yet"
    volume = "" if playback["volume"] is None else f", volume {playback['volume']} %"
    where = f" on {playback['device']}" if playback["device"] else ""
    if playback["state"] in ("playing", "paused") and playback["track"]:
        paused = " (paused)" if playback["state"] == "paused" else ""
        return f"{_song(playback['track'])}{paused}{where}{volume}"
    return f"{'nothing' if playback['state'] == 'stopped' else playback['state']}{where}{volume}"


def pause_text(controls: Mapping[str, Any]) -> str:
    """Return whether recommendations are paused, and until when."""
    if not controls["paused"]:
        return "not paused"
    until = controls["paused_until"]
    return f"paused{f' until {_moment(until)}' if until else '; musicond pause off ends it'}"


def _moment(text: str) -> str:
    when = datetime.fromisoformat(text).astimezone()
    return f"{when:%H:%M}" if when.date() == datetime.now().astimezone().date() else f"{when:%Y-%m-%d %H:%M}"


def privacy_text(controls: Mapping[str, Any]) -> str:
    """Return whether the camera is closed by a person, and what opens it."""
    if not controls["private"]:
        return "not private"
    if controls["consent_pending"]:
        return "private: tell the people here that a camera reads expressions, then run: musicond privacy off"
    until = f" until {_moment(controls['private_until'])}" if controls["private_until"] else ""
    return f"private{until}: the camera is closed; musicond privacy off opens it"


def _faces(state: State) -> str:
    faces = state["faces"]
    return f"yes, {faces} face{'' if faces == 1 else 's'} in view"


WATCHING: Mapping[str, Callable[[State], str]] = {
    "yes": _faces,
    "dark": lambda _: "no, the picture is too dark",
    "paused": lambda state: f"no, {pause_text(state['controls'])}",
    "private": lambda state: privacy_text(state["controls"]),
    "no_camera": lambda state: f"no camera: {state['health'].get('trouble') or state['notice'] or 'not opened yet'}",
}
"""For each value of `watching`, its text."""
