"""A player of Music Assistant as a playback backend, found by its name; implements core.ports.PlaybackBackend.

What is ours are the items of the queue that our own `play_media` made: each has an id of its own, so the same song that
a person adds is not ours. Shuffle, repeat and "don't stop the music" of the queue are off for our songs, and put back
after them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from musicond.core.models import Cover, PlayerStatus, Speaker, StartedTracks, Track
from musicond.core.outcome import Account
from musicond.core.pictures import as_cover
from musicond.core.ports import SongUris
from musicond.errors import PlaybackError, SongsMissingError, bounded_number, clean_text
from musicond.music_assistant.api_objects import (
    LONGEST_S,
    OFF,
    RADIO,
    check_playable,
    check_silent,
    find_track,
    follows_another,
    is_announcing,
    is_grouped,
    is_usable,
    item_id_of,
    mode_names,
    modes_of,
    position_of,
    status_without_queue,
    track_of,
    volume_of,
)
from musicond.music_assistant.auth import MusicAssistantAuth
from musicond.music_assistant.client import (
    AnswerTimeout,
    MusicAssistantClient,
    RequestRefused,
)
from musicond.music_assistant.resolver import ABSENT, SongResolver, StartCancelled
from musicond.runtime.http_session import as_object, as_objects
from musicond.runtime.warn_once import WarnOnce

log = logging.getLogger(__name__)

PLAYERS = "musicond music-assistant players lists those that are there"
ITEMS = 100
"""Items of a queue that are read after a start."""
WAITING = 20
"""Items of a queue that are looked at in a poll for those of others: more than our own."""
MODES = {
    "shuffle": ("shuffle", "shuffle_enabled"),
    "repeat": ("repeat", "repeat_mode"),
    "autoplay": ("dont_stop_the_music", "dont_stop_the_music_enabled"),
}
"""The modes of a queue by our names, with the command that sets each and its argument."""


@dataclass(frozen=True, slots=True)
class _Started:
    """A start: the ids of the items that were in the queue before, and the tracks with their addresses."""

    before: frozenset[str]
    songs: tuple[tuple[Track, str], ...]

    @property
    def names(self) -> dict[str, str]:
        """The tracks' ids by names for its items, whose ids are unknown; no id of Music Assistant has a blank."""
        return {f"unread {uri}": track.track_id for track, uri in self.songs}


class MusicAssistantBackend:
    """For one thread. `player` is the name or the id of the player, `get_duration` returns a track's seconds."""

    name = "music-assistant"

    def __init__(
        self,
        auth: MusicAssistantAuth,
        uris: SongUris,
        player: str | None,
        get_duration: Callable[[str], float | None] = lambda _: None,
    ) -> None:
        self._auth, self._uris, self._player, self._configured = auth, uris, player, player
        self._get_duration = get_duration
        self._opened: tuple[str, MusicAssistantClient, SongResolver] | None = None
        """The address, and what asks the server there."""
        self._picture: tuple[str, str] | None = None
        """The loaded track's id, and the server's id of its picture."""
        self._unread: _Started | None = None
        """A start whose items of the queue could not be read yet."""
        self._names: dict[str, str] = {}
        """The names that `play` has returned for items which were read later, by their ids."""
        self._hints = WarnOnce(log)

    def get_status(self) -> PlayerStatus:
        """Return the status of the player, and of the queue that it plays, its group's for a member of one."""
        player = self._find_player()
        queue = as_object(self._run("player_queues/get_active_queue", player_id=player["player_id"]))
        queue_id, state = str(player["player_id"]), queue.get("state")
        own = queue.get("queue_id") == queue_id
        item = as_object(queue.get("current_item")) if queue.get("active") is not False else {}
        common = PlayerStatus(
            device=clean_text(player.get("name") or player["player_id"]),
            volume=volume_of(player),
            powered=player.get("powered") is not False,
            grouped=is_grouped(player),
            announcing=is_announcing(player),
        )
        if not item:
            return status_without_queue(common, player, self._find_waiting(player, queue))
        if self._unread is not None and own:
            items = self._read_items(queue_id, self._unread)
            # From the last one, which says where our songs end.
            self._names = dict(zip(reversed(items), reversed(self._unread.names), strict=False))
            self._unread = None
        track, proxy_id = track_of(item), as_object(item.get("image")).get("proxy_id")
        self._picture = (track.track_id, str(proxy_id)) if track and proxy_id else None
        # A paused player stops after half a minute; a queue that has ended stays on its last item.
        return PlayerStatus(
            playing=state == "playing",
            on_our_device=own,
            item_ids=frozenset() if queue.get("ended") is True else self._known_as(item),
            waiting=self._find_waiting(player, queue),
            track=track,
            elapsed_s=self._elapsed_s(queue),
            duration_s=bounded_number(item.get("duration"), 1, LONGEST_S),
            device=common.device,
            volume=common.volume,
            powered=common.powered,
            grouped=common.grouped,
            announcing=common.announcing,
            shuffled=queue.get("shuffle_enabled") is True,
        )

    def clear_modes(self) -> tuple[str, ...]:
        """Switch off the modes of the player's queue that change the order or the end of its songs; return them."""
        player = self._find_player()
        modes = modes_of(self._own_queue(player))
        self._set_modes(str(player["player_id"]), dict.fromkeys(modes, OFF))
        return mode_names(modes)

    def play(self, tracks: Sequence[Track], is_wanted: Callable[[], bool] = lambda: True) -> StartedTracks:
        """Replace the player's queue by these tracks and play them; the identifiers are those of the queue's items."""
        player = self._find_player()
        check_playable(player)
        try:
            uris = self._resolve(tracks, is_wanted)
        except StartCancelled:
            return StartedTracks(())
        queue_id, modes = str(player["player_id"]), modes_of(self._own_queue(player))
        songs = tuple((track, uris[track.track_id]) for track in tracks if track.track_id in uris)
        started = _Started(self._item_ids(queue_id), songs)
        try:
            self._set_modes(queue_id, dict.fromkeys(modes, OFF))
            track_ids = self._play_media(queue_id, started)
            return StartedTracks(tuple(track_ids), mode_names(modes), tuple(track_ids.values()))
        except PlaybackError as exc:
            if isinstance(exc, RequestRefused) and exc.status in ABSENT:
                self._open()[1].forget(list(uris))
            with suppress(PlaybackError):
                self.restore((), mode_names(modes))
            raise

    def _play_media(self, queue_id: str, started: _Started) -> dict[str, str]:
        """Start songs; return their ids by those of their items in the queue, or by names until these can be read."""
        error: PlaybackError | None = None
        self._unread = None
        try:
            media = [uri for _, uri in started.songs]
            self._run("player_queues/play_media", queue_id=queue_id, media=media, option="replace")
        except AnswerTimeout as exc:
            error = exc  # a slow player may have started nevertheless
        try:
            track_ids = self._read_items(queue_id, started)
        except PlaybackError:
            if error is not None:
                raise error from None
            self._unread = started
            return started.names
        if not track_ids:
            raise error or PlaybackError(
                f"the player {self._player} has not taken the songs; it may make an announcement, or another app uses "
                "it; try again in a moment"
            )
        return track_ids

    def restore(self, item_ids: Sequence[str], modes: Sequence[str]) -> None:
        """Delete those of our items that were not played yet, and set modes that are still off."""
        if not item_ids and not modes:
            return
        player = self._find_player()
        if item_ids:
            self._delete(str(player["player_id"]), frozenset(item_ids))
        if not modes:
            return
        present = modes_of(self._own_queue(player))
        wanted = {name: value for name, _, value in (mode.partition("=") for mode in modes) if name not in present}
        self._set_modes(str(player["player_id"]), wanted)

    def resume(self) -> None:
        """Resume playback of the player's own queue."""
        player = self._find_player()
        check_playable(player)
        self._run("player_queues/resume", queue_id=player["player_id"])

    def pause(self) -> None:
        """Pause the player's own queue if it plays; not that of a group that it has joined."""
        player = self._find_player()
        if self._own_queue(player).get("state") == "playing":
            self._run("player_queues/pause", queue_id=player["player_id"])

    def next(self) -> None:
        """Play the next item of the player's own queue."""
        self._skip("next")

    def previous(self) -> None:
        """Play the previous item of the player's own queue."""
        self._skip("previous")

    def get_speakers(self) -> tuple[Speaker, ...]:
        """Return the players that can play now."""
        return tuple(
            Speaker(name, self._player in (name, player.get("player_id")))
            for player in as_objects(self._run("players/all"))
            if is_usable(player) and (name := clean_text(player.get("name") or player.get("display_name") or ""))
        )

    def select_speaker(self, name: str | None, *, move: bool) -> None:
        """Play on the player of this name from now on, with `move` also what plays on the one before."""
        before, chosen = self._player, self._configured if name is None else name
        queue: Mapping[str, Any] = {}
        if move and before not in (None, chosen):
            try:
                queue = self._own_queue(self._find_player())
            except PlaybackError as exc:
                if not exc.gone:  # the player before is gone: nothing plays there
                    raise
        self._player = chosen
        if queue.get("state") == "playing":
            try:
                self._transfer(str(queue["queue_id"]), self._find_player())
            except PlaybackError:
                self._player = before
                raise

    def _transfer(self, source_id: str, target: Mapping[str, Any]) -> None:
        """Move a queue that plays to another player; raise PlaybackError."""
        if target["player_id"] == source_id:
            return
        check_playable(target)
        check_silent(target)
        self._run("player_queues/transfer", source_queue_id=source_id, target_queue_id=target["player_id"])

    def get_cover(self, track: Track) -> Cover | None:
        """Return the picture of the loaded item."""
        if self._picture is None or self._picture[0] != track.track_id:
            return None
        content = self._open()[0].get_picture(self._picture[1])
        return None if content is None else as_cover(content)

    def set_volume(self, percent: int) -> None:
        """Set the volume of the player; do nothing where it has none, or while it is switched off."""
        player = self._find_player()
        if volume_of(player) is not None and player.get("powered") is not False:
            self._run("players/cmd/volume_set", player_id=player["player_id"], volume_level=percent)

    def get_account(self) -> Account | None:
        """Return the stored account; None where the server is known to need none."""
        if self._opened is not None and self._opened[1].needs_no_sign_in:
            return None
        return self._auth.get_account()

    def close(self) -> None:
        """Close the connections."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened[1].close()

    def _open(self) -> tuple[MusicAssistantClient, SongResolver]:
        """Return what asks the server; a sign-in may have brought another address."""
        url = self._auth.get_url()
        if self._opened is None or self._opened[0] != url:
            self.close()
            client = MusicAssistantClient(url, self._auth.get_token, self._auth.reject)
            self._opened = (url, client, SongResolver(client, self._uris, get_duration=self._get_duration))
        return self._opened[1:]

    def _skip(self, command: str) -> None:
        player = self._find_player()
        check_playable(player)
        self._run(f"player_queues/{command}", queue_id=player["player_id"])

    def _run(self, command: str, **arguments: object) -> Any:
        return self._open()[0].run(command, **arguments)

    def _find_player(self) -> dict[str, Any]:
        """Return the player; raise PlaybackError where it is not there."""
        if self._player is None:
            raise PlaybackError(
                f"no speaker is chosen yet: choose the speaker on the page, or set music_assistant.player; {PLAYERS}"
            )
        player = as_object(self._run("players/get_by_name", name=self._player))
        if not player.get("player_id"):
            players = as_objects(self._run("players/all"))
            player = next((player for player in players if player.get("player_id") == self._player), {})
        if not player:
            raise PlaybackError(f"the player {self._player} is gone from Music Assistant; {PLAYERS}", gone=True)
        if player.get("available") is False:
            raise PlaybackError(
                f"Music Assistant does not reach the player {self._player}; check its power and its network"
            )
        return player

    def _resolve(self, tracks: Sequence[Track], is_wanted: Callable[[], bool]) -> dict[str, str]:
        resolved = self._open()[1].resolve(tracks, is_wanted)
        if not resolved.uris:
            raise SongsMissingError(
                "none of the recommended songs is at a music service of Music Assistant; check its services, add one, "
                "or add lists of songs that they have to music.moods"
            )
        if resolved.postponed:
            self._hints.warn("Music Assistant has not found all songs yet; the others are looked for another time")
        if resolved.absent:
            self._hints.warn(
                "Music Assistant does not have all songs: those that are missing are looked for again in a week; "
                "a further music service there may have them"
            )
        return resolved.uris

    def _item_ids(self, queue_id: str) -> frozenset[str]:
        return frozenset(map(item_id_of, self._items(queue_id)))

    def _read_items(self, queue_id: str, started: _Started) -> dict[str, str]:
        """Return the ids of the items that a start has put into the queue, with those of their tracks."""
        new = (item for item in self._items(queue_id) if item_id_of(item) not in started.before)
        tracks = ((item_id_of(item), find_track(item, started.songs)) for item in new)
        return {item_id: track.track_id for item_id, track in tracks if track is not None}

    def _items(self, queue_id: str, offset: int = 0, limit: int = ITEMS) -> list[dict[str, Any]]:
        return as_objects(self._run("player_queues/items", queue_id=queue_id, limit=limit, offset=offset))

    def _known_as(self, item: Mapping[str, Any]) -> frozenset[str]:
        """Return the names under which `play` may have returned an item."""
        item_id = item_id_of(item)
        return frozenset((item_id, self._names.get(item_id, item_id)))

    def _find_waiting(self, player: Mapping[str, Any], queue: Mapping[str, Any]) -> tuple[frozenset[str], ...]:
        """Return the items of the player's own queue that were not played to their end; a start replaces them."""
        if queue.get("queue_id") != player["player_id"]:
            if follows_another(player):
                return ()
            queue = as_object(self._run("player_queues/get", queue_id=player["player_id"]))
        position = position_of(queue)
        if position >= (bounded_number(queue.get("items"), 0, LONGEST_S) or 0):
            return ()
        items = self._items(str(player["player_id"]), position, WAITING)
        if queue.get("state") == "idle" and items and as_object(items[0].get("media_item")).get("media_type") == RADIO:
            items = items[1:]  # a station that was stopped has no place to be lost
        return tuple(map(self._known_as, items))

    def _delete(self, queue_id: str, names: frozenset[str]) -> None:
        """Delete those of these items that wait in a queue; the loaded one stays, with what was played before it."""
        queue = as_object(self._run("player_queues/get", queue_id=queue_id))
        loaded = item_id_of(as_object(queue.get("current_item")))
        for item in self._items(queue_id, position_of(queue)):
            if item_id_of(item) != loaded and self._known_as(item) & names:
                with suppress(RequestRefused):  # it has just been played or deleted
                    self._run("player_queues/delete_item", queue_id=queue_id, item_id_or_index=item_id_of(item))

    def _own_queue(self, player: Mapping[str, Any]) -> dict[str, Any]:
        """Return the player's own queue; an empty object while it plays something else."""
        queue = as_object(self._run("player_queues/get_active_queue", player_id=player["player_id"]))
        return queue if queue.get("queue_id") == player["player_id"] else {}

    def _set_modes(self, queue_id: str, modes: Mapping[str, str]) -> None:
        """Set modes of a queue, as far as it has them."""
        for name, value in modes.items():
            command, argument = MODES[name]
            setting = value if name == "repeat" else value == "on"
            with suppress(RequestRefused):
                self._run(f"player_queues/{command}", queue_id=queue_id, **{argument: setting})

    def _elapsed_s(self, queue: Mapping[str, Any]) -> float:
        """Return the position in the track; Music Assistant gives the one at a time of its own clock."""
        elapsed_s = bounded_number(queue.get("elapsed_time"), 0, LONGEST_S) or 0.0
        updated = bounded_number(queue.get("elapsed_time_last_updated"), 1, 1e11)
        if updated is None or queue.get("state") != "playing":
            return elapsed_s
        speed = bounded_number(queue.get("playback_speed"), 0.1, 10) or 1.0
        return elapsed_s + min(max(0.0, self._open()[0].server_time() - updated), LONGEST_S) * speed
