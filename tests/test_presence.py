"""The page and MQTT always show the same presence: that of the pipeline."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from musicond.core.commands import Pause, SetManualMood
from musicond.core.models import Emotion, Faces
from musicond.mqtt import payloads
from musicond.web import responses
from tests.core.test_pipeline import HERE, NOON, RULES, Rig

if TYPE_CHECKING:
    from musicond.core.outcome import Outcome


def shown(outcome: Outcome) -> tuple[bool | None, bool | None]:
    """Return the presence of an outcome on the page and in MQTT."""
    page = json.loads(responses.to_json(responses.state_json(outcome, {})))
    topic = json.loads(payloads.state(outcome, "").text())
    return page["present"], topic["presence"]


def test_page_and_mqtt_show_the_same_presence() -> None:
    rig = Rig()
    story: list[tuple[Faces, float, bool | None]] = [
        (Faces(), 1, False),
        (Faces(confirmed=(HERE,)), 3, True),
        (Faces(), 2, True),
        (Faces(coasted=(HERE,)), 1, True),
        (Faces(confirmed=(HERE,)), 1, True),
        (Faces(), RULES.away_s + 1, False),
        (Faces(dark=True), 2, None),
    ]
    for faces, seconds, last in story:
        rig.room.faces = faces
        both = [shown(outcome) for outcome in rig.run(seconds)]
        assert [page for page, _ in both] == [mqtt for _, mqtt in both]
        assert both[-1] == (last, last)
    rig.pipeline.handle(Pause(), NOON)
    assert shown(rig.pipeline.idle(rig.at, NOON)) == (None, None)


def test_a_manual_mood_in_an_empty_room_is_no_presence_on_either() -> None:
    rig = Rig()
    rig.pipeline.handle(SetManualMood(Emotion.SAD), NOON)
    assert {shown(outcome) for outcome in rig.run(1)} == {(False, False)}
