"""Use a running daemon as people do, or print what a backup of it has to bring back: home.py fill|show SOCKET [STATE].

It runs with the installed package as the daemon's user, in a booted system and on an emulated processor. STATE is the
state directory, for `fill`.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musicond.errors import ControlError
from musicond.history import FOLDER, HistoryBook
from musicond.web.client import ControlClient

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT_S = 300.0
"""Longest start on an emulated processor."""
SET_ON_THE_PAGE = {
    "device.name": "Küche",
    "music.quiet_hours": "22:30-06:30",
    "web.language": "de",
    "history.enabled": True,
}
SETTINGS = ("policy", "mood", "mood_until", "speaker", "bias")


def wait_for(true: Callable[[dict[str, Any]], object], socket: Path) -> dict[str, Any]:
    """Return the first state that makes it true; exit without one."""
    deadline, state = time.monotonic() + WAIT_S, dict[str, Any]()
    while time.monotonic() < deadline:
        try:
            state = ControlClient(socket).state()
            if true(state):
                return state
        except ControlError:  # it starts
            pass
        time.sleep(0.3)
    raise SystemExit(f"not within {WAIT_S:.0f} s; last: {state}")


def fill(socket: Path, folder: Path) -> None:
    """Set it up, choose lists, add a song, like one and dislike another, and close the camera."""
    # Minutes of the demo, which is watched here, are not counted.
    yesterday = (datetime.now().astimezone() - timedelta(days=1)).date().isoformat()
    HistoryBook(folder / FOLDER).add({(yesterday, "happy"): 12.5, (yesterday, "sad"): 3.0}, date.min)
    client = ControlClient(socket)
    client.run_action("setup", "change", {"values": SET_ON_THE_PAGE})
    name = SET_ON_THE_PAGE["device.name"]
    wait_for(lambda state: state["health"]["name"] == name, socket)  # it has started again with it
    happy = wait_for(lambda state: state["mood"] == "happy" and state["recommendation"], socket)
    liked, disliked, *_ = happy["recommendation"]["tracks"]
    client.send("rate", verdict="like", id=liked["id"])
    client.send("rate", verdict="dislike", id=disliked["id"])
    client.send("wrong_mood", right="neutral")
    song = {"emotion": "sad", "title": "Unser Lied für später", "artist": "Wir"}
    client.run_action("catalogue", "add", {"rows": [song]})
    client.run_action("catalogue", "source", {"emotion": "sad", "lists": ["starter"]})
    client.send("policy", policy="lift")
    client.send("mood", mood="sad", minutes=600)
    client.send("privacy", on=True)


def days(client: ControlClient) -> object:
    """Return the minutes of each mood and day."""
    return client.run_action("history", "days")["days"]


def show(socket: Path) -> dict[str, Any]:
    """Return the lists, the likes, the settings and the history."""
    state, client = wait_for(lambda state: state["since"], socket), ControlClient(socket)  # after the first turn
    controls, values = state["controls"], client.run_action("setup", "values")
    return {
        "songs": client.run_action("catalogue", "list")["entries"],
        "feedback": client.run_action("catalogue", "feedback")["feedback"],
        "lists": client.run_action("catalogue", "sources"),
        "settings": {name: controls[name] for name in SETTINGS},
        "private": controls["private"],
        "set on the page": {key: values["values"][key] for key in values["set_here"]},
        "history": days(client),
    }


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        fill(Path(sys.argv[2]), Path(sys.argv[3]))
    print(json.dumps(show(Path(sys.argv[2])), indent=1, sort_keys=True))
