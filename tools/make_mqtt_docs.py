"""Write docs/mqtt.schema.json and the tables and examples of docs/mqtt.md: python tools/make_mqtt_docs.py.

All of it comes from the models in musicond/mqtt/payloads.py and the table in musicond/mqtt/entities.py.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from musicond.core.models import EMOTIONS, Box, Faces, Mood, MoodChange, Policy, Track, Watching
from musicond.core.outcome import Account, Outcome, Playback, PlayState, Recommendation
from musicond.core.settings import MANUAL_MINUTES, MAX_MINUTES, Settings
from musicond.mqtt import payloads
from musicond.mqtt.entities import ENTITIES
from musicond.mqtt.parsers import MANUAL_MOODS, POLICIES

PAGE, SCHEMA = ROOT / "docs/mqtt.md", ROOT / "docs/mqtt.schema.json"
NOW = datetime.fromisoformat("2026-11-23T18:30:00+01:00")
SONG = Track(
    "spotify:track:7qiZfU4dY1lWllzX7mPBI3",
    "Shape of You",
    "Ed Sheeran",
    "https://open.spotify.com/track/7qiZfU4dY1lWllzX7mPBI3",
    "÷ (Deluxe)",
)
OUTCOME = Outcome(
    seq=1,
    captured_at=1.0,
    wall_time=NOW,
    watching=Watching.YES,
    mood=Mood.HAPPY,
    since=NOW,
    confidence=0.81,
    scores=(0.02, 0.01, 0.02, 0.81, 0.08, 0.03, 0.03),
    raw_scores=None,
    faces=Faces(confirmed=(Box(0, 0, 1, 1),)),
    recommendation=Recommendation(
        Mood.HAPPY,
        (SONG,),
        "Happy: one bright, lively song, not offered before.",
        NOW,
        None,
        "spotify:playlist:4hOKQuZbraPDIfaGbM3lKI",
    ),
    change=MoodChange(Mood.NEUTRAL, Mood.HAPPY, 0.81, 312.4, 1.0, NOW),
    settings=Settings(paused=True, paused_until=NOW.replace(hour=19, minute=0), paused_minutes=30),
    present=True,
    playback=Playback(
        "spotify",
        PlayState.PLAYING,
        ours=True,
        track=SONG,
        device="Kitchen",
        volume=40,
        volume_max=80,
        autoplay=True,
        account=Account(signed_in=True, user="Ann", expires_on=date(2027, 5, 23), days_left=181),
    ),
)
HEALTH = payloads.Health(
    version="0.1.0",
    started=NOW,
    uptime_s=86400,
    camera="Pi camera",
    trouble=None,
    frames_per_s=8.0,
    cpu_percent=14.2,
    memory_mib=92.4,
    temperature_c=51.2,
    throttled=False,
)
STATES: dict[str, tuple[str, list[str] | None]] = {
    "availability": ("`online`; `offline` after a stop, and by the will when the process or the network dies", None),
    "mood": ("one of the words", [*Mood]),
    "watching": ("one of the words", [*Watching]),
    "recommendation": (
        f"`Title – Artist; ...`: whole songs, at most {payloads.STATE_LIMIT} characters",  # noqa: RUF001 - the dash
        None,
    ),
    "privacy/state": ("`on`: the camera is closed", ["on", "off"]),
    "pause/state": ("`on`: nothing is looked at or recommended", ["on", "off"]),
    "policy/state": ("`auto`: as the configuration says", [*POLICIES]),
    "sensitivity/state": ("a number from 0 to 100; 50 unless somebody touched it", None),
    "playback/state": ("one of the words; only with a player, as the next two", [*PlayState]),
    "autoplay/state": ("`on`: music starts by itself when the mood changes", ["on", "off"]),
    "volume/state": ("a number from 0 to 100, or `None` where it is unknown", None),
    "mood/state": ("the mood that a person set; `auto`: what is read", [*MANUAL_MOODS]),
}
"""Description of each plain topic, and its words where they are a fixed set."""
COMMANDS = {
    "privacy/set": "`on` or `off`",
    "guest/set": "`PRESS` or nothing: the camera is closed until midnight",
    "pause/set": f"`on` (until `off`), `off`, minutes up to {MAX_MINUTES} (0 is `off`), or `tomorrow` "
    "(until six in the morning)",
    "policy/set": f"`auto`, {', '.join(f'`{policy}`' for policy in Policy)}",
    "sensitivity/set": "a number from 0 to 100",
    "mood/set": f"one of the seven moods, for {MANUAL_MINUTES} minutes; `auto` ends it; "
    '`{"mood": "happy", "minutes": 30}` for another time',
    "play/set": "`PRESS` or nothing: what is recommended, or go on with what is paused; "
    '`{"track_id": "spotify:track:..."}` from that song of the recommendation on',
    "stop/set": "`PRESS` or nothing: the music waits where it is, until `play/set`",
    "autoplay/set": "`on`, `off`, or `auto`: as the configuration says",
    "volume/set": "a number from 0 to 100; never above playback.volume_max",
    "next/set": "`PRESS` or nothing: the next track. Where nothing is loaded: as `other_songs/set`; "
    "that is deprecated, use `other_songs/set`",
    "previous/set": "`PRESS` or nothing: the previous track",
    "other_songs/set": "`PRESS` or nothing: other songs for this mood, played where ours play",
    "like/set": '`PRESS` or nothing: the first song shown; `{"track_id": "spotify:track:..."}` another one',
    "dislike/set": "the same",
    "withdraw/set": "`PRESS` or nothing: the feedback given last is deleted; `track_id`: that on this song",
    "wrong_mood/set": "`PRESS` or nothing; or the mood that would be right",
}
"""Accepted payloads of each command topic."""
ENUM_TEXTS = {
    "Mood": "The announced mood: one of the seven expressions, `unsure` or `nobody`.",
    "PlayState": "Status of the chosen speaker, as far as it is known.",
    "Watching": "Whether faces are being read, and if not, why not.",
}
"""Descriptions in the schema that do not follow the docstrings of the classes."""


def examples() -> dict[str, payloads.Payload]:
    """Return a payload of each JSON topic."""
    event = payloads.event(OUTCOME)
    assert event is not None
    assert OUTCOME.playback is not None
    return {
        "state": payloads.state(OUTCOME, "0.1.0"),
        "recommendation/attributes": payloads.attributes(OUTCOME),
        "event": event,
        "pause/attributes": payloads.pause(OUTCOME),
        "playback/attributes": payloads.playback(OUTCOME.playback),
        "health": HEALTH,
    }


class SchemaNames(GenerateJsonSchema):
    """Names the definitions of docs/mqtt.schema.json after the classes, without their endings."""

    def normalize_name(self, name: str) -> str:
        """Return the name of a definition from the name of its class."""
        return re.sub(r"(\w+)Payload$|^Recommendation(Attributes)$", r"\1\2", super().normalize_name(name))


def schema() -> str:
    """Return the text of docs/mqtt.schema.json: one property for each topic below `<base>/<node>/`."""
    refs, definitions = models_json_schema(
        [(model, "serialization") for model in payloads.TOPICS.values()], schema_generator=SchemaNames
    )
    for name, definition in definitions["$defs"].items():
        definition["title"] = name
        if name in ENUM_TEXTS:
            definition["description"] = ENUM_TEXTS[name]
    topics: dict[str, Any] = {topic: refs[model, "serialization"] for topic, model in payloads.TOPICS.items()}
    for topic, (text, words) in STATES.items():
        topics[topic] = {"description": text.replace("`", ""), "type": "string"} | ({"enum": words} if words else {})
    topics["availability"]["enum"] = ["online", "offline"]
    topics["recommendation"]["maxLength"] = payloads.STATE_LIMIT
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What musicond says over MQTT, by topic",
        "type": "object",
        "properties": topics,
        **definitions,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def parts() -> dict[str, str]:
    """Return the generated parts of docs/mqtt.md by the names of their marks."""
    states = [f"| `{topic}` | {text}{_words(words)} |" for topic, (text, words) in STATES.items()]
    commands = [f"| `{topic}` | {text} |" for topic, text in COMMANDS.items()]
    sections = []
    for topic, payload in examples().items():
        fields = type(payload).model_fields
        notes = [f"- `{name}`: {info.description}" for name, info in fields.items() if info.description]
        text = payload.model_dump_json(indent=1)
        sections.append(f"### `{topic}`\n\n{_summary(type(payload))}\n\n```json\n{text}\n```\n\n" + "\n".join(notes))
    entities = [
        f"| {entity.name} | {entity.platform} | {_kind(entity.discovery)} | "
        f"{f'`{entity.command_topic}`' if entity.command_topic else ''} |"
        for entity in ENTITIES
        if not entity.key.startswith("score_") or entity.key == f"score_{EMOTIONS[0]}"
    ]
    return {
        "states": "\n".join(["| topic | payload |", "|---|---|", *states]),
        "commands": "\n".join(["| topic | payload |", "|---|---|", *commands]),
        "json": "\n\n".join(sections),
        "entities": "\n".join(["| entity | platform | kind | command |", "|---|---|---|---|", *entities]),
    }


def page(text: str) -> str:
    """Return the text of docs/mqtt.md with its generated parts renewed."""
    for name, part in parts().items():
        mark = rf"(<!-- made by tools/make_mqtt_docs.py: {name} -->\n).*?(\n<!-- end -->)"
        text, count = re.subn(mark, lambda match, part=part: f"{match[1]}\n{part}\n{match[2]}", text, flags=re.DOTALL)  # type: ignore[misc]
        assert count == 1, f"docs/mqtt.md has no place for {name}"
    return text


def _words(words: list[str] | None) -> str:
    return f" ({', '.join(f'`{word}`' for word in words)})" if words else ""


def _summary(model: type[payloads.Payload]) -> str:
    """Return a model's docstring without the topic at its beginning."""
    text = " ".join((model.__doc__ or "").split()).partition(": ")[2]
    return text[:1].upper() + text[1:]


def _kind(options: Any) -> str:
    kind = options.get("entity_category", "")
    return f"{kind}, disabled at first" if options.get("enabled_by_default") is False else kind


if __name__ == "__main__":
    SCHEMA.write_text(schema(), "utf-8")
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
    print(f"{SCHEMA.relative_to(ROOT)} and {PAGE.relative_to(ROOT)} written")
