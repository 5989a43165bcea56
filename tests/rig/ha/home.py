"""Home Assistant as a process that answers questions, and what its entities have to be."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musicond.core.models import Mood
from musicond.mqtt.entities import ENTITIES, available_entities
from musicond.runtime import health
from tests.rig.checks import check

if TYPE_CHECKING:
    from collections.abc import Collection

    from musicond.mqtt.entities import EntityDescription

ENTER = """
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount -t tmpfs tmpfs "$1/tmp"
mkdir "$1/tmp/config" "$1/tmp/rig"
mount --bind "$3" "$1/tmp/config"
mount --bind "$2" "$1/tmp/rig"
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C.UTF-8 TZ=UTC \\
  chroot "$1" /opt/ha/bin/python /tmp/rig/inside.py /tmp/config "$4"
"""
MAY_LACK = ("paused_until", "playback_trouble")


class HomeAssistant:
    """The process in its system; `ask` sends one request and returns the answer."""

    def __init__(self, system: Path, config: Path, port: int) -> None:
        places = (system, Path(__file__).resolve().parent, config, port)
        self._process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-euc", ENTER, "sh", *map(str, places)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(config / "stderr").open("w"),
            text=True,
        )

    def ask(self, do: str, **more: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("Home Assistant ended; what it said stands in its configuration's file stderr")
        return dict(json.loads(line))

    def becomes(self, entity: str, what: str, state: str, seconds: float = 10) -> None:
        """Check that an entity gets a state, or with a ! before it loses it."""
        wish = {"not": state[1:]} if state.startswith("!") else {"state": state}
        answer = self.ask("wait", entity=entity, seconds=seconds, **wish)
        check("error" not in answer, f"{what}{': ' + answer['error'] if 'error' in answer else ''}")

    def attribute(self, entity: str, name: str, seconds: float = 5) -> Any:
        """Return an attribute, waiting until it is not None."""
        end = time.monotonic() + seconds
        while (found := self.ask("states")["entities"][entity]["attributes"].get(name)) is None:
            if time.monotonic() > end:
                break
            self.ask("wait", entity="none", state="none", seconds=0.1)
        return found

    def call(self, service: str, entity: str, **data: Any) -> None:
        answer = self.ask("call", service=service, data={"entity_id": entity, **data})
        check("error" not in answer, f"{service} {entity}{': ' + answer['error'] if 'error' in answer else ''}")

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write('{"do": "stop"}\n')
        self._process.stdin.close()
        self._process.wait(60)


def announced(ha: HomeAssistant, facts: Collection[str] = ()) -> tuple[dict[str, EntityDescription], dict[str, Any]]:
    """Check that the things of an installation with these facts become entities, and nothing besides; return both."""
    machine = {"temperature": health.temperature_c(), "throttled": health.throttled()}
    has = {*facts, *(name for name, value in machine.items() if value is not None)}
    wanted = {f"{thing.platform}.musicond_{thing.key}": thing for thing in available_entities(has)}
    end = time.monotonic() + 15
    while (found := ha.ask("states"))["entities"].keys() != wanted.keys() and time.monotonic() < end:
        ha.ask("wait", entity="none", state="none", seconds=0.2)
    check(found["entities"].keys() == wanted.keys(), f"{len(wanted)} of {len(ENTITIES)} things are announced and there")
    check(not found["issues"], f"nothing to repair {found['issues']}")
    return wanted, found


def entities(ha: HomeAssistant, facts: Collection[str] = ()) -> dict[str, Any]:
    """Check that each thing is announced, and has a state."""
    wanted, found = announced(ha, facts)
    for entity_id, entity in sorted(found["entities"].items()):
        thing, state = wanted.get(entity_id), entity["state"]
        score = entity_id.startswith("sensor.musicond_score_")
        # A button and an event have no state before they are first used, a pause no end and a player no trouble before
        # there is one.
        may_be_unknown = thing is None or thing.platform in ("button", "event") or thing.key in MAY_LACK
        good = (
            entity["disabled"]
            if score
            else state not in (None, "unavailable") and (state != "unknown" or may_be_unknown)
        )
        check(
            good and not entity["dropped"], f"{entity_id}: {'disabled' if score else state} {entity['dropped'] or ''}"
        )
    options = found["entities"]["sensor.musicond_mood"]["attributes"].get("options")
    check(options == [*Mood], "the mood's options are the contract's words")
    return found
