"""Home Assistant's integration of Music Assistant against the double: it lists, plays, and follows what musicond plays."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from musicond.library.database import STARTER_FILE
from musicond.music_assistant.auth import ServerToken, ServerTokenFile
from tests.music_assistant.double import MusicAssistantDouble
from tests.music_assistant.server_queue import track
from tests.player.test_mpd import wait_until
from tests.rig.checks import check
from tests.system.daemon import Daemon

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.ha.home import HomeAssistant

PLAYER = "media_player.kitchen"
TOKEN, WRONG = "token-of-the-test", "no-token-of-the-test"
WAIT_S = 30.0
CONFIG = "playback: {backend: music-assistant}\nmusic_assistant: {player: Kitchen}\n"


def music_assistant(ha: HomeAssistant, folder: Path, config: str) -> None:
    """Check the integration, then let musicond play on the same server."""
    server = MusicAssistantDouble()
    with STARTER_FILE.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    server.library = [track("filesystem_local", row["track_id"], row["title"], row["artist"]) for row in rows]
    server.start()
    try:
        lists_and_plays(ha, server)
        (folder / "state").mkdir(exist_ok=True)
        ServerTokenFile(folder / "state" / "music-assistant.json").save(ServerToken(TOKEN, server.url))
        with Daemon(folder, "--source", "demo", config=config + CONFIG) as daemon:
            daemon.ready()
            follows(ha, server)
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


def follows(ha: HomeAssistant, server: MusicAssistantDouble) -> None:
    """Check that Home Assistant follows what musicond plays there, and musicond what Home Assistant does."""
    server.run("player_queues/clear", {"queue_id": "kitchen"})
    for state in ("!unavailable", "!unknown"):
        ha.becomes("sensor.musicond_recommendation", f"songs are recommended: {state}", state, 2 * WAIT_S)
    ha.becomes("sensor.musicond_playback", "musicond sees the player", "!unavailable", 2 * WAIT_S)
    ha.call("button.press", "button.musicond_play")
    if not wait_until(lambda: len(server.names()) > 1, 2 * WAIT_S):
        check(condition=False, text="musicond plays")
        return
    ha.becomes(PLAYER, "musicond's songs play in Home Assistant", "playing", WAIT_S)
    names = server.names()
    check(wait_until(lambda: shown(ha, "media_title") == names[0]), f"by their titles {names}")
    ha.becomes("sensor.musicond_playback", "musicond says so", "playing", WAIT_S)
    ha.call("media_player.media_next_track", PLAYER)
    check(wait_until(lambda: shown(ha, "media_title") == names[1]), "a skip in Home Assistant is followed")
    ha.call("button.press", "button.musicond_stop")
    ha.becomes(PLAYER, "so is musicond's stop", "paused", WAIT_S)


def shown(ha: HomeAssistant, name: str) -> Any:
    return ha.ask("get", entity=PLAYER).get("attributes", {}).get(name)
