"""A speaker at Spotify, by its name; implements core.ports.PlaybackBackend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from musicond.core.models import PlayerStatus
from musicond.errors import PlaybackError
from musicond.spotify import client as words
from musicond.spotify.client import URI

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from musicond.core.models import Track
    from musicond.core.outcome import Account
    from musicond.spotify.auth import SpotifyAuth
    from musicond.spotify.client import SpotifyClient

HINT = (
    "select it once in a Spotify app, and see docs/spotify.md for a speaker that stays invisible; "
    "musicond spotify devices lists those that are visible"
)
GONE = ("not visible", "gone")


class SpotifyBackend:
    """For one thread. Without `device` nothing is played; with `anywhere` it is whichever is active."""

    name = "spotify"

    def __init__(
        self, client: SpotifyClient, access: SpotifyAuth, device: str | None, *, anywhere: bool = False
    ) -> None:
        self._client, self._access, self._device, self._anywhere = client, access, device, anywhere

    def get_status(self) -> PlayerStatus:
        """Return what plays for the account, wherever it does."""
        found = self._client.playback()
        device = _dict(found.get("device"))
        if not found or not device:
            return PlayerStatus()
        item, context = _dict(found.get("item")), _dict(found.get("context"))
        names = words.linked_uris(item)
        if context.get("uri"):  # begun from an album or a playlist: we never do that
            names = {f"{name} of {context['uri']}" for name in names}
        here = self._is_ours(device)
        return PlayerStatus(
            playing=found.get("is_playing") is True,
            on_our_device=here,
            item_ids=frozenset(names or ({"something"} if found.get("is_playing") is True else ())),
            track=words.to_track(item),
            elapsed_s=_seconds(found.get("progress_ms")) or 0.0,
            duration_s=_seconds(item.get("duration_ms")),
            device=str(device.get("name") or "") or None,
            volume=_volume(device) if here else None,
        )

    def play(self, tracks: Sequence[Track]) -> tuple[str, ...]:
        """Play them on the speaker, looked up by its name each time: its id may be another tomorrow."""
        uris = [track.track_id for track in tracks if track.track_id.startswith(URI)]
        if not uris:
            raise PlaybackError(
                "none of the recommended songs is at Spotify; add lists with Spotify songs to music.moods"
            )
        device = self._find()
        try:
            self._client.play(device, uris)
        except PlaybackError as fault:
            if not any(sign in str(fault) for sign in GONE):
                raise
            self._client.play(self._find(), uris)
        return tuple(uris)

    def resume(self) -> None:
        """Go on with what is paused there."""
        self._client.play(self._find(), None)

    def pause(self) -> None:
        """Pause the speaker, if it is the one that plays."""
        found = self._client.playback()
        device = _dict(found.get("device"))
        if found.get("is_playing") is True and self._is_ours(device) and device.get("id"):
            self._client.pause(str(device["id"]))

    def set_volume(self, percent: int) -> None:
        """Set the speaker's volume."""
        self._client.volume(self._find(), percent)

    def get_account(self) -> Account:
        """Return the account, as it is kept."""
        return self._access.get_account()

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _is_ours(self, device: Mapping[str, Any]) -> bool:
        if self._anywhere:
            return True
        return self._device is not None and str(device.get("name") or "").casefold() == self._device.casefold()

    def _find(self) -> str:
        """Return the id of the speaker now; raise SpeakerError."""
        found = self._client.devices()
        able = [each for each in found if is_usable(each)]
        if self._anywhere:
            able.sort(key=lambda each: each.get("is_active") is not True)
        elif self._device is None:
            raise PlaybackError("no speaker is named; set playback.device to one of musicond spotify devices")
        else:
            exact = [each for each in able if each.get("name") == self._device]
            able = exact or [each for each in able if self._is_ours(each)]
        if able:
            return str(able[0]["id"])
        named = [each for each in found if self._is_ours(each)]
        if named:
            raise PlaybackError(f"the speaker {self._device} takes no commands from Spotify's Web API; choose another")
        what = "no speaker" if self._anywhere else f"the speaker {self._device}"
        raise PlaybackError(f"{what} is {'' if self._anywhere else 'not '}visible at Spotify; {HINT}")


def is_usable(device: Mapping[str, Any]) -> bool:
    """Whether a device can be told to play."""
    return bool(device.get("id")) and device.get("is_restricted") is not True


def _dict(found: object) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _seconds(milliseconds: object) -> float | None:
    return milliseconds / 1000 if isinstance(milliseconds, int | float) and milliseconds >= 0 else None


def _volume(device: Mapping[str, Any]) -> int | None:
    percent = device.get("volume_percent")
    if device.get("supports_volume") is False or not isinstance(percent, int):
        return None
    return percent
