"""Readers of the players, queues and items of Music Assistant's API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from musicond.core.models import PlayerStatus, Track
from musicond.core.same_song import is_same_song
from musicond.errors import PlaybackError, bounded_number, clean_text
from musicond.runtime.http_session import as_object, as_objects

LONGEST_S = 1e6
OFF = "off"
RADIO = "radio"
SILENT_TYPES = ("protocol", "display", "visualizer", "light", "source")
"""Types of players that play no music on their own."""
FOREIGN = frozenset(("something",))
"""The item that plays where no queue names it."""


def is_usable(player: Mapping[str, Any]) -> bool:
    """Return whether a player plays music, and is there."""
    present = player.get("available") is not False and player.get("enabled") is not False
    return present and player.get("type") not in SILENT_TYPES


def position_of(queue: Mapping[str, Any]) -> int:
    """Return the place of the first item that was not played to its end.

    A queue that has ended stays on its last item, and has `ended` set (music-assistant-models 1.1.226). Servers of
    before do not have that key: they clear such a queue after five seconds.
    """
    index = bounded_number(queue.get("current_index"), 0, LONGEST_S)
    return 0 if index is None else int(index) + (queue.get("ended") is True)


def status_without_queue(
    common: PlayerStatus, player: Mapping[str, Any], waiting: tuple[frozenset[str], ...]
) -> PlayerStatus:
    """Return the status of a player whose queue is empty, or that plays a source of its own."""
    media = as_object(player.get("current_media"))
    playing = player.get("playback_state", player.get("state")) == "playing"
    title = clean_text(media.get("title") or "")
    return PlayerStatus(
        playing=playing,
        on_our_device=not follows_another(player),
        item_ids=FOREIGN if playing else frozenset(),
        waiting=waiting,
        track=Track("", title, clean_text(media.get("artist") or "unknown artist"), "") if title and playing else None,
        device=common.device,
        volume=common.volume,
        powered=common.powered,
        grouped=common.grouped,
        announcing=common.announcing,
    )


def check_playable(player: Mapping[str, Any]) -> None:
    """Raise PlaybackError where a start would play somewhere else, or nowhere."""
    name = clean_text(player.get("name") or player["player_id"])
    if follows_another(player):
        raise PlaybackError(
            f"the player {name} is part of a group; take it out of it in Music Assistant, "
            "or name the group in music_assistant.player"
        )
    if is_announcing(player):
        raise PlaybackError(f"the player {name} makes an announcement; try again in a moment")


def check_silent(player: Mapping[str, Any]) -> None:
    """Raise PlaybackError where music plays that another queue would take the place of."""
    if player.get("playback_state", player.get("state")) == "playing":
        name = clean_text(player.get("name") or player["player_id"])
        raise PlaybackError(
            f"the player {name} plays other music; stop that first, or stop ours, and choose it again", refused=True
        )


def follows_another(player: Mapping[str, Any]) -> bool:
    """Return whether a player plays what another one, or a group, plays."""
    leaders = (player.get("synced_to"), player.get("active_group"))
    return any(leader and leader != player.get("player_id") for leader in leaders)


def is_grouped(player: Mapping[str, Any]) -> bool:
    """Return whether music on this player would play in rooms that were not configured."""
    if follows_another(player):
        return True
    members = player.get("group_members", player.get("group_childs"))
    others = [member for member in members if member != player.get("player_id")] if isinstance(members, list) else []
    return bool(others) and player.get("type") != "group"


def is_announcing(player: Mapping[str, Any]) -> bool:
    """Return whether a player makes an announcement."""
    if as_object(player.get("current_media")).get("media_type") == "announcement":
        return True
    attributes = as_object(player.get("extra_attributes") or player.get("extra_data"))
    return attributes.get("announcement_in_progress") is True or player.get("announcement_in_progress") is True


def modes_of(queue: Mapping[str, Any]) -> dict[str, str]:
    """Return the modes that are on, with their values."""
    keep_on = queue.get("autoplay_enabled", queue.get("dont_stop_the_music_enabled"))
    values = {
        "shuffle": "on" if queue.get("shuffle_enabled") is True else OFF,
        "repeat": str(queue.get("repeat_mode") or OFF),
        "autoplay": "on" if keep_on is True else OFF,
    }
    return {name: value for name, value in values.items() if value in ("on", "one", "all")}


def mode_names(modes: Mapping[str, str]) -> tuple[str, ...]:
    """Return modes as `core.ports.PlaybackBackend` has them, such as "repeat=all"."""
    return tuple(f"{name}={value}" for name, value in modes.items())


def item_id_of(item: Mapping[str, Any]) -> str:
    """Return the id of a queue item."""
    return str(item.get("queue_item_id"))


def volume_of(player: Mapping[str, Any]) -> int | None:
    """Return a player's volume in percent; None where it has none."""
    percent = bounded_number(player.get("volume_level"), 0, 100)
    return None if percent is None else round(percent)


def _artists(media: Mapping[str, Any]) -> list[str]:
    return [clean_text(artist.get("name") or "") for artist in as_objects(media.get("artists"))]


def track_of(item: Mapping[str, Any]) -> Track | None:
    """Return what a queue item shows."""
    media = as_object(item.get("media_item"))
    title = clean_text(media.get("name") or item.get("name") or "")
    if not title:
        return None
    artist = next(filter(None, _artists(media)), "unknown artist")
    album = clean_text(as_object(media.get("album")).get("name") or "")
    return Track(clean_text(media.get("uri") or ""), title, artist, "", album)


def find_track(item: Mapping[str, Any], songs: Sequence[tuple[Track, str]]) -> Track | None:
    """Return which of the songs that were asked for, each with its address, a queue item is."""
    media = as_object(item.get("media_item"))
    mapped = {
        f"{mapping.get(key)}://track/{mapping.get('item_id')}"
        for mapping in as_objects(media.get("provider_mappings"))
        for key in ("provider_domain", "provider_instance")
    }
    by_uri = (track for track, uri in songs if uri in {*mapped, str(media.get("uri"))})
    return next(chain(by_uri, (track for track, _ in songs if is_track(media, track))), None)


def is_track(media: Mapping[str, Any], track: Track, duration_s: float | None = None) -> bool:
    """Return whether a song of the server is this track, whose duration may be known."""
    found_s = bounded_number(media.get("duration"), 1, LONGEST_S)
    return is_same_song(
        track.title,
        track.artist,
        str(media.get("name") or ""),
        _artists(media),
        version=str(media.get("version") or ""),
        album=str(as_object(media.get("album")).get("name") or ""),
        wanted_album=track.album,
        durations_s=None if duration_s is None or found_s is None else (duration_s, found_s),
    )
