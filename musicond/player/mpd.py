"""A speaker that is a Music Player Daemon with a library of its own; implements core.ports.PlaybackBackend."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import mpd

from musicond.core.models import PlayerStatus, Track
from musicond.errors import PlaybackError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TIMEOUT_S = 5.0


class MpdBackend:
    """For one thread. `host` is a name, an address or the path of a Unix socket."""

    name = "mpd"

    def __init__(self, host: str, port: int, timeout_s: float = TIMEOUT_S) -> None:
        self._host, self._port, self._timeout_s = host, port, timeout_s
        self._address = host if host.startswith(("/", "@")) else f"{host}:{port}"
        self._client: mpd.MPDClient | None = None

    def get_status(self) -> PlayerStatus:
        """Return what plays."""
        with self._connected() as client:
            status, song = client.status(), client.currentsong()
        volume = int(status.get("volume", -1))
        return PlayerStatus(
            playing=status.get("state") == "play",
            on_our_device=True,
            item_ids=frozenset({_name(song)} if song.get("file") and status.get("state") != "stop" else ()),
            track=_track(song),
            elapsed_s=float(status.get("elapsed", 0.0)),
            duration_s=float(status["duration"]) if "duration" in status else None,
            device=f"mpd {self._address}",
            volume=volume if volume >= 0 else None,
        )

    def play(self, tracks: Sequence[Track]) -> tuple[str, ...]:
        """Play those of the songs that its library has, instead of its queue."""
        with self._connected() as client:
            files = [file for track in tracks if (file := _find(client, track)) is not None]
            if not files:
                raise PlaybackError(
                    "none of the recommended songs is in mpd's library; add a folder of your own to music.moods, "
                    "and have mpd read it: mpc update"
                )
            client.clear()
            names = tuple(f"{client.addid(file)} {file}" for file in files)
            # A queue that repeats or is shuffled would never come to its end, or in another order.
            for switch in (client.repeat, client.random, client.single, client.consume):
                switch(0)
            client.play(0)
        return names

    def resume(self) -> None:
        """Go on with what is paused."""
        with self._connected() as client:
            client.pause(0)

    def pause(self) -> None:
        """Pause."""
        with self._connected() as client:
            if client.status().get("state") == "play":
                client.pause(1)

    def set_volume(self, percent: int) -> None:
        """Set the volume; where there is no mixer, nothing happens."""
        with self._connected() as client:
            if int(client.status().get("volume", -1)) >= 0:
                client.setvol(percent)

    def get_account(self) -> None:
        """Return None: there is none."""
        return

    def close(self) -> None:
        """Let go of the connection."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(mpd.MPDError, OSError):
                client.disconnect()

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """Yield a connection, the one before if it still holds; folds errors into SpeakerError."""
        try:
            yield self._alive()
        except mpd.CommandError as fault:
            raise PlaybackError(f"mpd at {self._address} refuses: {' '.join(str(fault).split())}") from None
        except (mpd.MPDError, OSError, ValueError) as fault:
            self.close()
            why = getattr(fault, "strerror", None) or " ".join(str(fault).split()) or type(fault).__name__
            raise PlaybackError(
                f"mpd at {self._address}: {why}; check that it runs, and mpd.host and mpd.port"
            ) from None

    def _alive(self) -> Any:
        if self._client is not None:
            try:
                self._client.ping()
            except (mpd.MPDError, OSError):  # it closes a connection that was silent for a minute
                self.close()
            else:
                return self._client
        client = mpd.MPDClient()
        client.timeout = self._timeout_s
        client.connect(self._host, self._port)
        self._client = client
        return client


def _name(song: dict[str, str]) -> str:
    # The number is new with each song that is put into the queue, whoever puts it there.
    return f"{song.get('id')} {song.get('file')}"


def _track(song: dict[str, Any]) -> Track | None:
    file = song.get("file")
    if not file:
        return None
    return Track(
        str(file),
        _first(song.get("title")) or PurePath(str(file)).stem,
        _first(song.get("artist")),
        "",
        _first(song.get("album")),
    )


def _first(value: Any) -> str:
    """Return a tag; one that a file has twice comes as a list."""
    return str((value[0] if value else "") if isinstance(value, list) else value or "")


def _find(client: Any, track: Track) -> str | None:
    """Return the file of a song in the library: by its path, from the end on, else by title and artist."""
    if track.track_id.startswith("file:"):
        parts = PurePath(unquote(urlsplit(track.track_id).path)).parts[1:]
        for start in range(len(parts)):
            if found := client.find("file", "/".join(parts[start:])):
                return str(found[0]["file"])
    found = client.find("title", track.title, "artist", track.artist)
    return str(found[0]["file"]) if found else None
