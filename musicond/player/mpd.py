"""Playback on a Music Player Daemon with its own library; implements core.ports.PlaybackBackend."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import PurePath
from typing import Any
from urllib.parse import unquote, urlsplit

import mpd
from pydantic import SecretStr

from musicond.core.models import Cover, PlayerStatus, Speaker, StartedTracks, Track
from musicond.core.pictures import as_cover
from musicond.errors import NOT_TEXT, PlaybackError, SongsMissingError, bounded_number, clean_line, error_text

TIMEOUT_S = 5.0
MODES = ("repeat", "random", "single", "consume")
"""The modes of mpd that change the order or the end of its queue."""
REMEDY = "check its sound card and its outputs (mpc outputs), and the file"
OWN_FILE = "mpd:"
"""Beginning of the track ids of songs from mpd's library; the path follows, quoted."""
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
"""Hosts that need no name beside that of mpd."""
WAITING = 20
"""Songs of the queue that are looked at for those of others: more than our own."""
LONGEST_S = 1e6
"""A position or duration beyond it is no time."""


class MpdBackend:
    """A connection to mpd, for one thread; `host` is a name, an address or the path of a Unix socket."""

    name = "mpd"

    def __init__(self, host: str, port: int, password: SecretStr | None = None, timeout_s: float = TIMEOUT_S) -> None:
        self._host, self._port, self._password, self._timeout_s = host, port, password, timeout_s
        self._address = host if host.startswith(("/", "@")) else f"{host}:{port}"
        self._device = "mpd" if host in LOCAL_HOSTS or host.startswith(("/", "@")) else f"mpd, {host}"
        self._client: mpd.MPDClient | None = None
        self._next_output: str | None = None
        """The output for the next start; None: as they are."""
        self._track_ids: dict[str, str] = {}
        """The ids of the tracks that were started last, by the file that mpd has of each."""

    def get_status(self) -> PlayerStatus:
        """Return the current status."""
        with self._connected() as client:
            status, song = client.status(), client.currentsong()
            loaded = bool(song.get("file")) and status.get("state") != "stop"
            error = first_value(status.get("error"))
            if error and status.get("state") == "play":
                client.clearerror()  # of an earlier song: it would be taken for the reason of the next pause
            return PlayerStatus(
                playing=status.get("state") == "play",
                on_our_device=True,
                item_ids=frozenset({_item_id(song)} if loaded else ()),
                waiting=_waiting(client, song) if loaded else (),
                track=_track(song, self._track_ids),
                elapsed_s=bounded_number(status.get("elapsed"), 0, LONGEST_S) or 0.0,
                duration_s=bounded_number(status.get("duration"), 0, LONGEST_S),
                device=self._device,
                volume=_volume(status),
                error=f"mpd at {self._address} can't play: {error}; {REMEDY}" if error else None,
                shuffled=status.get("random") == "1",
            )

    def clear_modes(self) -> tuple[str, ...]:
        """Switch off those of MODES that are on; return them, such as "repeat=1"."""
        with self._connected() as client:
            modes = _modes(client)
            _clear(client, modes)
        return modes

    def play(self, tracks: Sequence[Track], is_wanted: Callable[[], bool] = lambda: True) -> StartedTracks:
        """Play those tracks that mpd has, behind all others in its queue; the identifiers are those of the queue.

        mpd has a track if it can open its URI, as Mopidy opens those of Spotify, or if its library has it. Raises
        SongsMissingError if it has none.
        """
        if not is_wanted():
            return StartedTracks(())
        added: dict[str, str] = {}  # the tracks' ids by those of the queue
        modes: tuple[str, ...] = ()
        try:
            with self._connected() as client:
                schemes = _schemes(client)
                for track in tracks:
                    if (song := _add(client, track, schemes)) is not None:
                        added[_item_id(song)] = track.track_id
                if added:
                    self._track_ids = {item_id.partition(" ")[2]: added[item_id] for item_id in added}
                    modes = _modes(client)
                    _clear(client, modes)
                    self._use_next_output(client)
                    _play_first(client, list(added))
        except PlaybackError:
            if added:
                with suppress(PlaybackError):
                    self.restore(list(added), modes)
            raise
        if not added:
            raise SongsMissingError(
                "none of the recommended songs is in mpd's library; put songs there that have a tag of genre or mood, "
                "or name their folder in music.library, then: mpc update; musicond catalogue sort"
            )
        return StartedTracks(tuple(added), modes, tuple(added.values()))

    def restore(self, item_ids: Sequence[str], modes: Sequence[str]) -> None:
        """Delete the songs of these ids from the queue, and set modes that are still off."""
        with self._connected() as client:
            for song in client.playlistinfo():
                if _item_id(song) in item_ids:
                    client.deleteid(song["id"])
            status = client.status()
            for name, _, value in (mode.partition("=") for mode in modes):
                if name in MODES and status.get(name) == "0":
                    getattr(client, name)(value)

    def resume(self) -> None:
        """Resume playback if it is paused."""
        with self._connected() as client:
            self._use_next_output(client)
            client.pause(0)

    def pause(self) -> None:
        """Pause playback."""
        with self._connected() as client:
            if client.status().get("state") == "play":
                client.pause(1)

    def next(self) -> None:
        """Play the next track of the queue."""
        with self._connected() as client:
            client.next()

    def previous(self) -> None:
        """Play the previous track of the queue."""
        with self._connected() as client:
            client.previous()

    def get_speakers(self) -> tuple[Speaker, ...]:
        """Return mpd's outputs."""
        with self._connected() as client:
            return tuple(
                Speaker(clean_line(output.get("outputname", "")), output.get("outputenabled") == "1")
                for output in client.outputs()
            )

    def select_speaker(self, name: str | None, *, move: bool) -> None:
        """Enable the output of this name and disable the others; None: leave them as they are.

        Without `move`, what plays stays where it is: the output is used from the next start on.
        """
        self._next_output = None
        if name is None:
            return
        with self._connected() as client:
            outputs = self._find_outputs(client, name)
            if not move and client.status().get("state") == "play":
                self._next_output = name
            else:
                _use_first(client, outputs)

    def _use_next_output(self, client: Any) -> None:
        if self._next_output is not None:
            _use_first(client, self._find_outputs(client, self._next_output))
            self._next_output = None

    def _find_outputs(self, client: Any, name: str) -> list[str]:
        """Return the ids of all outputs, that of this name first; raise PlaybackError where there is none."""
        outputs = {clean_line(output.get("outputname", "")): str(output["outputid"]) for output in client.outputs()}
        if name not in outputs:
            raise PlaybackError(f"mpd at {self._address} has no output {name}; choose another speaker")
        return [outputs.pop(name), *outputs.values()]

    def get_cover(self, track: Track) -> Cover | None:
        """Return the picture in the loaded file, else the one in its folder."""
        with self._connected() as client:
            file = client.currentsong().get("file")
            if not file or self._track_ids.get(file, file) != track.track_id:
                return None
            for read in (client.readpicture, client.albumart):
                with suppress(mpd.CommandError):  # no such picture, or an mpd before 0.22
                    if (cover := as_cover(read(file).get("binary", b""))) is not None:
                        return cover
            return None

    def set_volume(self, percent: int) -> None:
        """Set the volume in percent; without a mixer, do nothing."""
        with self._connected() as client:
            if _volume(client.status()) is not None:
                client.setvol(percent)

    def is_mopidy(self) -> bool:
        """Return whether it is Mopidy that answers: it names the kinds of addresses that it opens without "://"."""
        with self._connected() as client:
            handlers = [str(handler) for handler in client.urlhandlers()]
        return bool(handlers) and not any("://" in handler for handler in handlers)

    def is_updating(self) -> bool:
        """Return whether mpd reads its music folder just now."""
        with self._connected() as client:
            return "updating_db" in client.status()

    def list_folder(self, folder: str) -> list[dict[str, Any]]:
        """Return the songs of a folder of the library with their tags, and its folders."""
        with self._connected() as client:
            return list(client.lsinfo(folder))

    def get_account(self) -> None:
        """Return None: mpd has no accounts."""
        return

    def close(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(mpd.MPDError, OSError):
                client.disconnect()

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """Yield an open connection; raise PlaybackError for every error in the block."""
        try:
            yield self._connect()
        except PlaybackError:
            raise
        except mpd.CommandError as exc:
            text = f"mpd at {self._address} refuses"
            raise PlaybackError(
                f"{text}: {' '.join(str(exc).split())}", log_text=f"{text} a command; musicond status shows its reason"
            ) from None
        except Exception as exc:  # whatever mpd answers, and its library makes of it
            self.close()
            remedy = "check that it runs, and mpd.host and mpd.port"
            known = error_text(exc) if isinstance(exc, OSError | mpd.ConnectionError) else "its answer was broken"
            text = f"mpd at {self._address}"
            raise PlaybackError(f"{text}: {error_text(exc)}; {remedy}", log_text=f"{text}: {known}; {remedy}") from None

    def _connect(self) -> Any:
        """Return the last connection if it still works, else a new one."""
        if self._client is not None:
            try:
                self._client.ping()
            except (mpd.MPDError, OSError):  # mpd closes a connection that is idle for a minute
                self.close()
            else:
                return self._client
        client = mpd.MPDClient()
        client.timeout = self._timeout_s
        client.connect(self._host, self._port)
        if self._password is not None:
            try:
                client.password(self._password.get_secret_value())
            except BaseException:
                client.disconnect()
                raise
        self._client = client
        return client


def _item_id(song: dict[str, str]) -> str:
    # mpd gives every entry of the queue a new number, whoever adds it.
    return f"{song.get('id')} {song.get('file')}"


def _waiting(client: Any, song: dict[str, Any]) -> tuple[frozenset[str], ...]:
    """Return the loaded song and those behind it: songs before it in the queue have had their turn."""
    position = bounded_number(song.get("pos"), 0, LONGEST_S)
    songs = [song] if position is None else client.playlistinfo(f"{position:.0f}:{position + WAITING:.0f}")
    return tuple(frozenset({_item_id(item)}) for item in songs)


def _track(song: dict[str, Any], track_ids: Mapping[str, str]) -> Track | None:
    if not song.get("file"):
        return None
    title, artist, album, file = (first_value(song.get(tag)) for tag in ("title", "artist", "album", "file"))
    return Track(track_ids.get(file, file), title or PurePath(file).stem, artist, "", album)


def _volume(status: dict[str, Any]) -> int | None:
    """Return the volume in percent; None without a mixer."""
    volume = bounded_number(status.get("volume"), 0, 100)
    return None if volume is None else round(volume)


def first_value(value: Any) -> str:
    """Return a tag's value, the first one where a file has several."""
    return clean_line((value[0] if value else "") if isinstance(value, list) else value or "")


def _schemes(client: Any) -> frozenset[str]:
    """Return the schemes of the URIs that mpd opens; mpd calls one "http://", Mopidy "http"."""
    try:
        return frozenset(str(handler).rstrip(":/").casefold() for handler in client.urlhandlers())
    except mpd.CommandError:
        return frozenset()


def _add(client: Any, track: Track, schemes: frozenset[str]) -> dict[str, str] | None:
    """Add a track to the end of the queue; return its id and file, None if mpd does not have it or refuses it."""
    own = track.track_id.startswith(OWN_FILE)
    uri = unquote(track.track_id.removeprefix(OWN_FILE)) if own else track.track_id
    if own or _is_offered(uri, schemes):
        with suppress(mpd.CommandError):
            return {"id": str(client.addid(uri)), "file": uri}
    with suppress(mpd.CommandError):
        if (file := _find(client, track)) is not None:
            return {"id": str(client.addid(file)), "file": file}
    return None


def _is_offered(uri: str, schemes: frozenset[str]) -> bool:
    """Return whether mpd may open a URI; one of the web only if it is a sound file, as most are pages."""
    scheme, colon, _ = uri.partition(":")
    if not colon or scheme.casefold() not in schemes or "\n" in uri or NOT_TEXT.search(uri):
        return False
    kind = mimetypes.guess_type(urlsplit(uri).path)[0] or ""
    return scheme.casefold() not in ("http", "https") or kind.startswith("audio/")


def _play_first(client: Any, item_ids: Sequence[str]) -> None:
    """Play the first of these songs that can be decoded; raise mpd.CommandError."""
    for number, item_id in enumerate(item_ids, start=1):
        try:
            client.playid(item_id.partition(" ")[0])
        except mpd.CommandError:
            if number == len(item_ids):
                raise
        else:
            return


def _modes(client: Any) -> tuple[str, ...]:
    """Return those of MODES that are on: a queue that repeats has no end, and a shuffled one another order."""
    status = client.status()
    return tuple(f"{name}={status[name]}" for name in MODES if status.get(name, "0") != "0")


def _use_first(client: Any, outputs: Sequence[str]) -> None:
    """Enable the first of these outputs and disable the others."""
    client.enableoutput(outputs[0])  # first, so that playback goes on
    for output in outputs[1:]:
        client.disableoutput(output)


def _clear(client: Any, modes: Sequence[str]) -> None:
    for mode in modes:
        getattr(client, mode.partition("=")[0])(0)


def _find(client: Any, track: Track) -> str | None:
    """Return the library's file of a track: by the longest end of its path, else by title and artist."""
    queries: list[tuple[str, ...]] = [("title", track.title, "artist", track.artist)]
    if track.track_id.startswith("file:"):
        parts = PurePath(unquote(urlsplit(track.track_id).path)).parts[1:]
        queries = [*(("file", "/".join(parts[start:])) for start in range(len(parts))), *queries]
    # A line end would end the command, and mpd closes the connection on half a surrogate.
    sent = (query for query in queries if not any("\n" in word or NOT_TEXT.search(word) for word in query))
    return next((str(songs[0]["file"]) for query in sent if (songs := client.find(*query))), None)
