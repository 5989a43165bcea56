"""A Spotify device as a playback backend, found by its name; implements core.ports.PlaybackBackend."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from musicond.core.models import Cover, PlayerStatus, Speaker, StartedTracks, Track
from musicond.core.outcome import Account
from musicond.core.pictures import as_cover
from musicond.errors import PlaybackError, SongsMissingError, bounded_number, clean_text
from musicond.runtime.http_session import as_object
from musicond.spotify.auth import SpotifyAuth
from musicond.spotify.client import TRACK, SpotifyClient, linked_uris, to_track
from musicond.spotify.http import NotAcceptedError

HINT = (
    "select it once in a Spotify app, and see docs/spotify.md for a speaker that stays invisible; "
    "musicond spotify devices lists those that are visible"
)
GONE = ("not visible", "gone")
COVER_PX = 300
"""Width of a cover that is enough for the page."""
MAX_PX = 1e5
PICTURES = ("https://i.scdn.co/",)
"""Beginnings of the addresses of Spotify's pictures."""
OFF = {"shuffle": "false", "repeat": "off"}
"""The modes that change the order or the end of a list, and their values without effect."""


class SpotifyBackend:
    """For one thread. Nothing is played without `device`; `anywhere` selects the active device."""

    name = "spotify"

    def __init__(self, client: SpotifyClient, auth: SpotifyAuth, device: str | None, *, anywhere: bool = False) -> None:
        self._client, self._auth, self._device, self._anywhere = client, auth, device, anywhere
        self._configured = device, anywhere
        self._picture: tuple[str, str] | None = None
        """The loaded track's id and the address of its picture."""

    def get_status(self) -> PlayerStatus:
        """Return the status of the account's playback, on any device."""
        playback = self._client.playback()
        device = as_object(playback.get("device"))
        if not device:
            return PlayerStatus()
        item, context = as_object(playback.get("item")), as_object(playback.get("context"))
        item_ids = linked_uris(item)
        if context.get("uri"):  # started from an album or a playlist: musicond never does that
            item_ids = {f"{uri} of {context['uri']}" for uri in item_ids}
        playing, on_our_device = playback.get("is_playing") is True, self._is_ours(device)
        track, picture = to_track(item), _picture_url(item)
        self._picture = (track.track_id, picture) if track and picture else None
        return PlayerStatus(
            playing=playing,
            on_our_device=on_our_device,
            item_ids=frozenset(item_ids or ({"something"} if playing else ())),
            track=track,
            elapsed_s=_seconds(playback.get("progress_ms")) or 0.0,
            duration_s=_seconds(item.get("duration_ms")),
            device=clean_text(device.get("name") or "") or None,
            volume=_volume(device) if on_our_device else None,
            shuffled=playback.get("shuffle_state") is True,
        )

    def clear_modes(self) -> tuple[str, ...]:
        """Switch shuffle and repeat off on the active device; return "shuffle=true", "repeat=context" or "=track"."""
        cleared = []
        for name, value in _modes(self._client.playback()).items():
            with suppress(PlaybackError):  # some devices and subscriptions have no such modes
                self._client.set_mode(name, OFF[name])
                cleared.append(f"{name}={value}")
        return tuple(cleared)

    def play(self, tracks: Sequence[Track], is_wanted: Callable[[], bool] = lambda: True) -> StartedTracks:
        """Play tracks; the device is looked up by its name each time, because its id may change."""
        uris = [track.track_id for track in tracks if TRACK.fullmatch(track.track_id)]
        if not uris:
            raise SongsMissingError(
                "none of the recommended songs is at Spotify; add lists with Spotify songs to music.moods"
            )
        if not is_wanted():
            return StartedTracks(())
        device, modes = self._find_device(), self.clear_modes()
        try:
            uris = self._play_on(device, uris)
        except PlaybackError:
            with suppress(PlaybackError):
                self.restore((), modes)
            raise
        with suppress(PlaybackError):  # the music plays; the device may have been inactive before
            modes += self.clear_modes()
        return StartedTracks(tuple(uris), modes, tuple(uris))

    def _play_on(self, device: str, uris: list[str]) -> list[str]:
        try:
            return self._play_known(device, uris)
        except PlaybackError as exc:
            if not any(word in str(exc) for word in GONE):
                raise
            return self._play_known(self._find_device(), uris)

    def _play_known(self, device: str, uris: list[str]) -> list[str]:
        """Play those of the tracks that Spotify accepts, and return them: a bad one makes it refuse all."""
        while True:
            try:
                self._client.play(device, uris)
            except NotAcceptedError as exc:
                rest = [uri for uri in uris if uri not in exc.answer] or uris
                uris = rest if rest != uris else uris[:-1]
                if not uris:
                    raise
            else:
                return uris

    def restore(self, item_ids: Sequence[str], modes: Sequence[str]) -> None:  # noqa: ARG002 - Spotify's queue holds none of ours
        """Set modes that are still off on the active device."""
        present = _modes(self._client.playback()) if modes else {}
        for name, _, value in (mode.partition("=") for mode in modes):
            if name in OFF and name not in present:
                self._client.set_mode(name, value)

    def resume(self) -> None:
        """Resume playback on the device."""
        self._client.play(self._find_device(), None)

    def pause(self) -> None:
        """Pause the device if it is the one that plays."""
        playback = self._client.playback()
        device = as_object(playback.get("device"))
        if playback.get("is_playing") is True and self._is_ours(device) and device.get("id"):
            self._client.pause(str(device["id"]))

    def next(self) -> None:
        """Play the next track on the device."""
        self._client.next(self._find_device())

    def previous(self) -> None:
        """Play the previous track on the device."""
        self._client.previous(self._find_device())

    def get_speakers(self) -> tuple[Speaker, ...]:
        """Return the visible devices that accept commands."""
        names = (str(device.get("name") or "") for device in self._client.devices() if is_usable(device))
        return tuple(Speaker(clean_text(name), self._is_named(name)) for name in names)

    def select_speaker(self, name: str | None, *, move: bool) -> None:
        """Play on the device of this name from now on, with `move` also what plays on the one before."""
        playback = self._client.playback() if move else {}
        device, before = as_object(playback.get("device")), (self._device, self._anywhere)
        moving = playback.get("is_playing") is True and self._is_ours(device)
        self._device, self._anywhere = self._configured if name is None else (name, False)
        if moving and not self._is_ours(device):
            try:
                self._client.transfer(self._find_device())
            except PlaybackError:
                self._device, self._anywhere = before
                raise

    def get_cover(self, track: Track) -> Cover | None:
        """Return the picture of the loaded track's album."""
        if self._picture is None or self._picture[0] != track.track_id:
            return None
        return as_cover(self._client.picture(self._picture[1]))

    def set_volume(self, percent: int) -> None:
        """Set the volume of the device."""
        self._client.volume(self._find_device(), percent)

    def get_account(self) -> Account:
        """Return the stored account."""
        return self._auth.get_account()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _is_ours(self, device: Mapping[str, Any]) -> bool:
        if self._anywhere:
            return True
        return self._is_named(str(device.get("name") or ""))

    def _is_named(self, name: str) -> bool:
        return self._device is not None and name.casefold() == self._device.casefold()

    def _find_device(self) -> str:
        """Return the current id of the device; raise PlaybackError."""
        devices = self._client.devices()
        usable = [device for device in devices if is_usable(device)]
        if self._anywhere:
            usable.sort(key=lambda device: device.get("is_active") is not True)
        elif self._device is None:
            raise PlaybackError("no speaker is named; set playback.device to one of musicond spotify devices")
        else:
            exact = [device for device in usable if device.get("name") == self._device]
            usable = exact or [device for device in usable if self._is_ours(device)]
        if usable:
            return str(usable[0]["id"])
        if any(self._is_ours(device) for device in devices):
            raise PlaybackError(f"the speaker {self._device} takes no commands from Spotify's Web API; choose another")
        subject = "no speaker is" if self._anywhere else f"the speaker {self._device} is not"
        raise PlaybackError(f"{subject} visible at Spotify; {HINT}")


def is_usable(device: Mapping[str, Any]) -> bool:
    """Return whether a device accepts commands."""
    return bool(device.get("id")) and device.get("is_restricted") is not True


def _picture_url(item: Mapping[str, Any]) -> str | None:
    """Return the address of the smallest picture of an item that is large enough; None without one at Spotify."""
    images = as_object(item.get("album")).get("images")
    widths = {
        str(image.get("url")): bounded_number(image.get("width"), 0, MAX_PX) or 0
        for image in (images if isinstance(images, list) else ())
        if isinstance(image, dict)
    }
    large = [url for url, width in widths.items() if width >= COVER_PX]
    address = min(large, key=widths.__getitem__) if large else max(widths, key=widths.__getitem__, default="")
    return address if address.startswith(PICTURES) else None


def _modes(playback: Mapping[str, Any]) -> dict[str, str]:
    """Return the modes that are on, with their values."""
    modes = {"shuffle": "true"} if playback.get("shuffle_state") is True else {}
    repeat = playback.get("repeat_state")
    return {**modes, "repeat": str(repeat)} if repeat in ("context", "track") else modes


def _seconds(milliseconds: object) -> float | None:
    value = bounded_number(milliseconds, 0, 1e9)
    return None if value is None else value / 1000


def _volume(device: Mapping[str, Any]) -> int | None:
    percent = bounded_number(device.get("volume_percent"), 0, 100)
    return None if percent is None or device.get("supports_volume") is False else round(percent)
