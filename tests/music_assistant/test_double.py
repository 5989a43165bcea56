"""The double's answers against the official models of music-assistant-models, as models.json has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

if TYPE_CHECKING:
    from tests.music_assistant.double import MusicAssistantDouble

MODELS = json.loads(Path(__file__).with_name("models.json").read_text("utf-8"))


def check(model: str, value: Any) -> None:
    jsonschema.Draft202012Validator({"$ref": f"#/$defs/{model}", "$defs": MODELS["$defs"]}).validate(value)


def test_every_answer_is_as_the_official_models_say(server: MusicAssistantDouble) -> None:
    server.replace_queue(*server.library)
    server.players["kitchen"]["extra_attributes"]["announcement_in_progress"] = True
    check("ServerInfoMessage", server.info())
    for command, args, model in (
        ("players/all", {}, "Player"),
        ("player_queues/all", {}, "PlayerQueue"),
        ("player_queues/items", {"queue_id": "kitchen"}, "QueueItem"),
        ("providers", {}, "ProviderInstance"),
    ):
        values = server.run(command, args)
        assert values
        for value in values:
            check(model, value)
    server.players["kitchen"]["extra_attributes"].clear()
    (player,) = server.run("players/all", {})
    check("Player", player)
    assert (player["current_media"]["title"], player["active_source"]) == ("Happy", "kitchen")
    check("User", server.run("auth/me", {}))
    check("Track", server.run("music/item_by_name", {"name": "Happy", "artist": "Pharrell Williams"}))
    check("PlayerQueue", server.run("player_queues/get_active_queue", {"player_id": "kitchen"}))


@pytest.mark.parametrize(("model", "value"), [("Player", {"player_id": "x"}), ("QueueItem", {"surprise": 1})])
def test_the_models_refuse_what_is_wrong(model: str, value: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        check(model, value)
