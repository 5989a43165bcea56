"""The official client of Music Assistant against the double, so that others judge what our backend is tested with.

Needs Python 3.13 and `pip install music-assistant-client==1.7.0`:

    python3.13 -m tests.rig.music_assistant.check
"""

from __future__ import annotations

import asyncio
import sys
from importlib.metadata import version

import aiohttp
from music_assistant_client import MusicAssistantClient
from music_assistant_client.auth_helpers import get_server_info, login_with_token
from music_assistant_models.enums import MediaType, PlaybackState, QueueOption
from music_assistant_models.errors import AuthenticationFailed, LoginFailed

from tests.music_assistant.double import PASSWORD, USER, MusicAssistantDouble
from tests.music_assistant.server_queue import track
from tests.rig.checks import check, failures

PLAYER = "kitchen"


async def follow(double: MusicAssistantDouble, token: str, session: aiohttp.ClientSession) -> None:
    """List the players and a queue, play, and follow the state."""
    client = MusicAssistantClient(double.url, session, token)
    await client.connect()
    ready = asyncio.Event()
    listening = asyncio.create_task(client.start_listening(ready))
    await asyncio.wait_for(ready.wait(), 30)
    check([player.name for player in client.players.players] == ["Kitchen"], "it lists the player")
    configs = await client.config.get_player_configs()
    check([config.player_id for config in configs] == [PLAYER], "it reads the settings of the player")
    check({provider.domain for provider in client.providers} >= {"spotify"}, "it lists the music services")
    item = await client.music.get_item_by_name("Happy", "Pharrell Williams", media_type=MediaType.TRACK)
    check(item is not None and item.uri == "spotify://track/s1", "it finds a song by its name")
    results = await client.music.search("Pharrell Williams - Happy", [MediaType.TRACK], limit=3)
    check([found.name for found in results.tracks][:1] == ["Happy"], "it searches")
    await client.player_queues.play_media(PLAYER, ["spotify://track/s1", "spotify://track/s2"], QueueOption.REPLACE)
    queue = await client.player_queues.get_active_queue(PLAYER)
    check(queue is not None and queue.state is PlaybackState.PLAYING, "it plays")
    items = await client.player_queues.get_queue_items(PLAYER)
    check([entry.media_item and entry.media_item.name for entry in items] == ["Happy", "Hurt"], "it reads the queue")
    other = MusicAssistantClient(double.url, session, token)
    await other.connect()  # what it does is followed, too
    await other.player_queues.next(PLAYER)
    await other.disconnect()
    await asyncio.sleep(0.2)
    followed = client.player_queues.get(PLAYER)
    current = followed.current_item if followed else None
    check(current is not None and current.media_item is not None and current.media_item.name == "Hurt", "it follows")
    player = client.players.get(PLAYER)
    check(player is not None and player.current_media.title == "Hurt", "it shows what the player plays")
    await client.player_queues.pause(PLAYER)
    await asyncio.sleep(0.2)
    followed = client.player_queues.get(PLAYER)
    check(followed is not None and followed.state is PlaybackState.PAUSED, "it sees the pause")
    await client.players.volume_set(PLAYER, 20)
    listening.cancel()
    await client.disconnect()
    check(double.players[PLAYER]["volume_level"] == 20, "it sets the volume")


async def use(double: MusicAssistantDouble) -> None:
    """Sign in, and follow the double."""
    info = await get_server_info(double.url)
    check(info.server_id == "double", "it reads /info")
    async with aiohttp.ClientSession() as session:
        try:
            await login_with_token(double.url, USER, "wrong", aiohttp_session=session)
            check(condition=False, text="a wrong password is refused")
        except LoginFailed:
            check(condition=True, text="a wrong password is refused")
        user, token = await login_with_token(double.url, USER, PASSWORD, aiohttp_session=session)
        check(user.username == USER, "it signs in and makes a token")
        await follow(double, token, session)
        try:
            await MusicAssistantClient(double.url, session, "wrong").connect()
            check(condition=False, text="a wrong token is refused")
        except AuthenticationFailed:
            check(condition=True, text="a wrong token is refused")


def main() -> int:
    """Run all checks; return 1 if one has failed."""
    double = MusicAssistantDouble()
    double.library = [
        track("spotify", "s1", "Happy", "Pharrell Williams"),
        track("spotify", "s2", "Hurt", "Johnny Cash"),
    ]
    double.start()
    try:
        asyncio.run(use(double))
    finally:
        double.stop()
    names = ("music-assistant-client", "music-assistant-models")
    print(", ".join(f"{name} {version(name)}" for name in names))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
