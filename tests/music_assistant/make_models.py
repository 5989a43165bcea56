"""Write models.json: the JSON Schema of Music Assistant's own models, against which the double's answers are checked.

Needs Python 3.13 and `pip install music-assistant-client==1.7.0`, which brings the models:

    python3.13 -m tests.music_assistant.make_models
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mashumaro.jsonschema import build_json_schema
from music_assistant_models.api import ServerInfoMessage
from music_assistant_models.auth import User
from music_assistant_models.media_items import Track
from music_assistant_models.player import Player
from music_assistant_models.player_queue import PlayerQueue
from music_assistant_models.provider import ProviderInstance
from music_assistant_models.queue_item import QueueItem

MODELS = (Player, QueueItem, PlayerQueue, Track, ServerInfoMessage, ProviderInstance, User)
FILE = Path(__file__).with_name("models.json")


def main() -> None:
    """Write the file."""
    definitions: dict[str, Any] = {}
    # The details of a stream hold functions, which JSON has not; they are null in the double.
    QueueItem.__annotations__["streamdetails"] = "None"
    for model in MODELS:
        schema = build_json_schema(model, all_refs=True).to_dict()
        definitions |= schema["$defs"]
    document = {
        "$comment": f"made by {Path(__file__).name} from music-assistant-models {version('music-assistant-models')}",
        "$defs": definitions,
    }
    FILE.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
