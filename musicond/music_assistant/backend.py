"""A player of Music Assistant as a playback backend, found by its name; implements core.ports.PlaybackBackend.

What is ours are the items of the queue that our own `play_media` made: each has an id of its own, so the same song that
a person adds is not ours. Shuffle, repeat and "don't stop the music" of the queue are off for our songs, and put back
after them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from musicond.core.models import Cover, PlayerStatus, Speaker, StartedTracks, Track
from musicond.core.outcome import Account
from musicond.core.pictures import as_cover
from musicond.core.ports import SongUris
from musicond.core.same_song import is_same_song
from musicond.errors import PlaybackError, bounded_number, clean_text
from musicond.music_assistant.auth import MusicAssistantAuth
from musicond.music_assistant.client import (
    AnswerTimeout,
    MusicAssistantClient,
    RequestRefused,
)
from musicond.music_assistant.resolver import ABSENT, SongResolver
from musicond.runtime.http_session import as_object, as_objects
from musicond.runtime.warn_once import WarnOnce

log = logging.getLogger(__name__)

PLAYERS = "musicond music-assistant players lists those that are there"
ITEMS = 100
"""Items of a queue that are read after a start."""
LONGEST_S = 1e6
OFF = "off"
MODES = {
    "shuffle": ("shuffle", "shuffle_enabled"),
    "repeat": ("repeat", "repeat_mode"),
    "autoplay": ("dont_stop_the_music", "dont_stop_the_music_enabled"),
}
"""The modes of a queue by our names, with the command that sets each and its argument."""
SILENT_TYPES = ("protocol", "display", "visualizer", "light", "source")
"""Types of players that play no music on their own."""
FOREIGN = frozenset(("something",))
"""The item that plays where no queue names it."""


@dataclass(frozen=True, slots=True)
class _Started:
    """A start: the ids of the items that were in the queue before, the tracks, and their addresses."""

    before: frozenset[str]
    tracks: tuple[Track, ...]
    uris: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names for its items while their ids are unknown; no id of Music Assistant has a blank."""
        return tuple(f"unread {uri}" for uri in self.uris)


class MusicAssistantBackend:
    """For one thread. `player` is the name or the id of the player."""

    name = "music-assistant"

    def __init__(self, auth: MusicAssistantAuth, uris: SongUris, player: str | None) -> None:
        self._auth, self._uris, self._player, self._configured = auth, uris, player, player
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
        own, state = queue.get("queue_id") == player["player_id"], queue.get("state")
        item = as_object(queue.get("current_item")) if queue.get("active") is not False else {}
        common = PlayerStatus(
            device=clean_text(player.get("name") or player["player_id"]),
            volume=_volume(player),
            powered=player.get("powered") is not False,
            grouped=_is_grouped(player),
            announcing=_is_announcing(player),
        )
        if not item:
            return _without_queue(common, player)
        if self._unread is not None and own:
            items = self._read_items(str(player["player_id"]), self._unread)
            # From the last one, which says where our songs end.
            self._names = dict(zip(reversed(items), reversed(self._unread.names), strict=False))
            self._unread = None
        item_id = _item_id(item)
        track, proxy_id = _track(item), as_object(item.get("image")).get("proxy_id")
        self._picture = (track.track_id, str(proxy_id)) if track and proxy_id else None
        # A paused player stops after half a minute; a queue that has ended stays on its last item.
        return PlayerStatus(
            playing=state == "playing",
            on_our_device=own,
            item_ids=frozenset(() if queue.get("ended") is True else (item_id, self._names.get(item_id, item_id))),
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
        modes = _modes(self._own_queue(player))
        self._set_modes(str(player["player_id"]), dict.fromkeys(modes, OFF))
        return _names(modes)

    def play(self, tracks: Sequence[Track]) -> StartedTracks:
        """Replace the player's queue by these tracks and play them; the identifiers are those of the queue's items."""
        player = self._find_player()
        _check_playable(player)
        uris = self._resolve(tracks)
        queue_id, modes = str(player["player_id"]), _modes(self._own_queue(player))
        started = _Started(self._item_ids(queue_id), tuple(tracks), tuple(uris.values()))
        try:
            self._set_modes(queue_id, dict.fromkeys(modes, OFF))
            return StartedTracks(self._play_media(queue_id, started), _names(modes))
        except PlaybackError as exc:
            if isinstance(exc, RequestRefused) and exc.status in ABSENT:
                self._open()[1].forget(list(uris))
            with suppress(PlaybackError):
                self.restore((), _names(modes))
            raise

    def _play_media(self, queue_id: str, started: _Started) -> tuple[str, ...]:
        """Start songs; return the ids of their items in the queue, or names for them until these can be read."""
        error: PlaybackError | None = None
        self._unread = None
        try:
            self._run("player_queues/play_media", queue_id=queue_id, media=list(started.uris), option="replace")
        except AnswerTimeout as exc:
            error = exc  # a slow player may have started nevertheless
        try:
            item_ids = self._read_items(queue_id, started)
        except PlaybackError:
            if error is not None:
                raise error from None
            self._unread = started
            return started.names
        if not item_ids:
            raise error or PlaybackError(
                f"the player {self._player} has not taken the songs; it may make an announcement, or another app uses "
                "it; try again in a moment"
            )
        return item_ids

    def restore(self, item_ids: Sequence[str], modes: Sequence[str]) -> None:  # noqa: ARG002 - songs that were played stay as they do after any music
        """Set modes that are still off."""
        if not modes:
            return
        player = self._find_player()
        present = _modes(self._own_queue(player))
        wanted = {name: value for name, _, value in (mode.partition("=") for mode in modes) if name not in present}
        self._set_modes(str(player["player_id"]), wanted)

    def resume(self) -> None:
        """Resume playback of the player's own queue."""
        player = self._find_player()
        _check_playable(player)
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
                target = self._find_player()
                _check_playable(target)
                queues = {"source_queue_id": queue["queue_id"], "target_queue_id": target["player_id"]}
                self._run("player_queues/transfer", **queues)
            except PlaybackError:
                self._player = before
                raise

    def get_cover(self, track: Track) -> Cover | None:
        """Return the picture of the loaded item."""
        if self._picture is None or self._picture[0] != track.track_id:
            return None
        content = self._open()[0].get_picture(self._picture[1])
        return None if content is None else as_cover(content)

    def set_volume(self, percent: int) -> None:
        """Set the volume of the player; do nothing where it has none, or while it is switched off."""
        player = self._find_player()
        if _volume(player) is not None and player.get("powered") is not False:
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
            self._opened = (url, client, SongResolver(client, self._uris))
        return self._opened[1:]

    def _skip(self, command: str) -> None:
        player = self._find_player()
        _check_playable(player)
        self._run(f"player_queues/{command}", queue_id=player["player_id"])

    def _run(self, command: str, **arguments: object) -> Any:
        return self._open()[0].run(command, **arguments)

    def _find_player(self) -> dict[str, Any]:
        """Return the player; raise PlaybackError where it is not there."""
        if self._player is None:
            raise PlaybackError(f"no player is named; set music_assistant.player: {PLAYERS}")
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

    def _resolve(self, tracks: Sequence[Track]) -> dict[str, str]:
        uris = self._open()[1].resolve(tracks)
        if not uris:
            raise PlaybackError(
                "none of the recommended songs is at a music service of Music Assistant; add a service there, "
                "or lists of songs that it has to music.moods"
            )
        if len(uris) < len(tracks):
            self._hints.warn(
                "Music Assistant does not have all songs: those that are missing are looked for again in a week; "
                "a further music service there may have them"
            )
        return uris

    def _item_ids(self, queue_id: str) -> frozenset[str]:
        return frozenset(map(_item_id, self._items(queue_id)))

    def _read_items(self, queue_id: str, started: _Started) -> tuple[str, ...]:
        """Return the ids of the items that a start has put into the queue."""
        new = (item for item in self._items(queue_id) if _item_id(item) not in started.before)
        return tuple(_item_id(item) for item in new if _is_any_of(item, started.tracks, set(started.uris)))

    def _items(self, queue_id: str) -> list[dict[str, Any]]:
        return as_objects(self._run("player_queues/items", queue_id=queue_id, limit=ITEMS, offset=0))

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


def is_usable(player: Mapping[str, Any]) -> bool:
    """Return whether a player plays music, and is there."""
    present = player.get("available") is not False and player.get("enabled") is not False
    return present and player.get("type") not in SILENT_TYPES


def _without_queue(common: PlayerStatus, player: Mapping[str, Any]) -> PlayerStatus:
    """Return the status of a player whose queue is empty, or that plays a source of its own."""
    media = as_object(player.get("current_media"))
    playing = player.get("playback_state", player.get("state")) == "playing"
    title = clean_text(media.get("title") or "")
    return PlayerStatus(
        playing=playing,
        on_our_device=not _follows_another(player),
        item_ids=FOREIGN if playing else frozenset(),
        track=Track("", title, clean_text(media.get("artist") or "unknown artist"), "") if title and playing else None,
        device=common.device,
        volume=common.volume,
        powered=common.powered,
        grouped=common.grouped,
        announcing=common.announcing,
    )


def _check_playable(player: Mapping[str, Any]) -> None:
    """Raise PlaybackError where a start would play somewhere else, or nowhere."""
    name = clean_text(player.get("name") or player["player_id"])
    if _follows_another(player):
        raise PlaybackError(
            f"the player {name} is part of a group; take it out of it in Music Assistant, "
            "or name the group in music_assistant.player"
        )
    if _is_announcing(player):
        raise PlaybackError(f"the player {name} makes an announcement; try again in a moment")


def _follows_another(player: Mapping[str, Any]) -> bool:
    """Return whether a player plays what another one, or a group, plays."""
    leaders = (player.get("synced_to"), player.get("active_group"))
    return any(leader and leader != player.get("player_id") for leader in leaders)


def _is_grouped(player: Mapping[str, Any]) -> bool:
    """Return whether music on this player would play in rooms that were not configured."""
    if _follows_another(player):
        return True
    members = player.get("group_members", player.get("group_childs"))
    others = [member for member in members if member != player.get("player_id")] if isinstance(members, list) else []
    return bool(others) and player.get("type") != "group"


def _is_announcing(player: Mapping[str, Any]) -> bool:
    if as_object(player.get("current_media")).get("media_type") == "announcement":
        return True
    attributes = as_object(player.get("extra_attributes") or player.get("extra_data"))
    return attributes.get("announcement_in_progress") is True or player.get("announcement_in_progress") is True


def _modes(queue: Mapping[str, Any]) -> dict[str, str]:
    """Return the modes that are on, with their values."""
    keep_on = queue.get("autoplay_enabled", queue.get("dont_stop_the_music_enabled"))
    values = {
        "shuffle": "on" if queue.get("shuffle_enabled") is True else OFF,
        "repeat": str(queue.get("repeat_mode") or OFF),
        "autoplay": "on" if keep_on is True else OFF,
    }
    return {name: value for name, value in values.items() if value in ("on", "one", "all")}


def _names(modes: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{name}={value}" for name, value in modes.items())


def _item_id(item: Mapping[str, Any]) -> str:
    return str(item.get("queue_item_id"))


def _volume(player: Mapping[str, Any]) -> int | None:
    percent = bounded_number(player.get("volume_level"), 0, 100)
    return None if percent is None else round(percent)


def _artists(media: Mapping[str, Any]) -> list[str]:
    return [clean_text(artist.get("name") or "") for artist in as_objects(media.get("artists"))]


def _track(item: Mapping[str, Any]) -> Track | None:
    """Return what a queue item shows."""
    media = as_object(item.get("media_item"))
    title = clean_text(media.get("name") or item.get("name") or "")
    if not title:
        return None
    artist = next(filter(None, _artists(media)), "unknown artist")
    album = clean_text(as_object(media.get("album")).get("name") or "")
    return Track(clean_text(media.get("uri") or ""), title, artist, "", album)


def _is_any_of(item: Mapping[str, Any], tracks: Sequence[Track], uris: set[str]) -> bool:
    """Return whether a queue item is one of the songs that were asked for."""
    media = as_object(item.get("media_item"))
    mapped = {
        f"{mapping.get(key)}://track/{mapping.get('item_id')}"
        for mapping in as_objects(media.get("provider_mappings"))
        for key in ("provider_domain", "provider_instance")
    }
    if str(media.get("uri")) in uris or mapped & uris:
        return True
    name, artists = str(media.get("name") or ""), _artists(media)
    version = str(media.get("version") or "")
    return any(is_same_song(track.title, track.artist, name, artists, version=version) for track in tracks)
