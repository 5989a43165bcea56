"""Home Assistant's integration of Music Assistant against the double: it lists, plays and follows."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from musicond.library.database import STARTER_FILE
from tests.music_assistant.double import MusicAssistantDouble, track
from tests.rig.checks import check

if TYPE_CHECKING:
    from tests.rig.ha.home import HomeAssistant

PLAYER = "media_player.kitchen"
TOKEN, WRONG = "token-of-the-test", "no-token-of-the-test"
WAIT_S = 30.0


def music_assistant(ha: HomeAssistant) -> None:
    """Check the integration."""
    server = MusicAssistantDouble()
    with STARTER_FILE.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    server.library = [track("filesystem_local", row["track_id"], row["title"], row["artist"]) for row in rows]
    server.start()
    try:
        lists_and_plays(ha, server)
        ha.ask("remove_music_assistant")  # before the server goes, which would be logged
    finally:
        server.stop()


def lists_and_plays(ha: HomeAssistant, server: MusicAssistantDouble) -> None:
    """Check that Home Assistant takes the server, lists its player and queue, plays, and follows."""
    ha.call("automation.turn_off", "all")  # the services that they call are no longer those of the rig
    added = ha.ask("add_music_assistant", url=server.url, tokens=[WRONG, TOKEN])
    steps = [["manual", {}], ["auth_manual", {}], ["auth_manual", {"base": "auth_failed"}]]
    check(added.get("steps") == steps, f"Music Assistant's forms refuse a wrong token and take a right one {added}")
    check(str(added.get("state")).endswith("LOADED"), "the server is taken")
    ha.becomes(PLAYER, "the player is there", "idle", WAIT_S)
    ha.call("media_player.play_media", PLAYER, media_content_id=server.library[0]["uri"], media_content_type="track",
            enqueue="replace")  # fmt: skip
    ha.becomes(PLAYER, "it plays", "playing", WAIT_S)
    check(shown(ha, "media_title") == server.library[0]["name"], "what was asked for")
    answer = ha.ask("call", service="music_assistant.get_queue", data={"entity_id": PLAYER}, response=True)
    queue = ((answer.get("response") or {}).get(PLAYER)) or {}
    item = (queue.get("current_item") or {}).get("media_item") or {}
    check(item.get("name") == server.library[0]["name"], f"its queue is listed {queue.get('items', answer)}")
    ha.call("media_player.media_pause", PLAYER)
    ha.becomes(PLAYER, "it pauses", "paused", WAIT_S)
    ha.call("media_player.volume_set", PLAYER, volume_level=0.2)
    check(server.players["kitchen"]["volume_level"] == 20, "it sets the volume")


def shown(ha: HomeAssistant, name: str) -> Any:
    return ha.ask("get", entity=PLAYER).get("attributes", {}).get(name)
