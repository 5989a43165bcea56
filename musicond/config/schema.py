"""The schema of musicon.yaml: one frozen model a section, each key with its unit, range and default."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from musicond.config.addresses import (
    check_address,
    check_host,
    check_host_or_socket,
    check_origin,
    is_loopback,
    split_address,
)
from musicond.config.camera import Camera
from musicond.config.limits import face_size_problem
from musicond.config.relative_paths import resolve
from musicond.config.section import CrossSectionError, FilePath, Section, in_order, valid_for
from musicond.core.models import Emotion, Policy
from musicond.core.mood.tracker import MoodConfig
from musicond.core.schedule import Hours, Schedule

ANY_DEVICE = "any"
CLIENT_ID = r"^[0-9a-f]{32}$"
MIN_TOKEN = 16
"""Shortest token of the page, in characters."""
PASSWORD_VARIABLE = "MUSICOND_MQTT_PASSWORD"  # noqa: S105 - the variable's name, not a password
SERVER_URL = r"^https?://[^/?#@\s]+(/[^?#\s]*)?$"
TOPIC_PATTERN = r"^[^+#/\s]+(/[^+#/\s]+)*$"
STARTER = "starter"
"""Name of the list of songs that comes with musicond."""
SPOTIFY = ("spotify:", "https://open.spotify.com/")
"""Prefixes of the name of a list at Spotify."""
SEARCH = "spotify:search:"
"""Prefix of a search, which replaces the mood's other lists at Spotify while they are empty."""
MPD = "mpd"
"""The backend, and the place of music.library that is its library."""
RELOADABLE = (
    "camera.idle_rate",
    "mood.",
    "music.",
    *(f"playback.{key}" for key in ("autoplay", "when", "volume", "away_s", "silence_s")),
)
"""Keys, and prefixes of keys, that a reload (SIGHUP) applies; all others wait for a restart."""
LibraryPlace = Annotated[
    str, Field(min_length=1), AfterValidator(lambda place, info: place if place == MPD else resolve(place, info))
]
PolicyName = Literal["match", "lift", "steady"]


def resolve_list(name: str, info: ValidationInfo) -> str:
    """Resolve the name of a list of songs if that is a path."""
    return name if name == STARTER or name.startswith(SPOTIFY) else resolve(name, info)


class Device(Section):
    """The name and identity of this device."""

    name: str = Field(
        "musicond",
        min_length=1,
        max_length=60,
        pattern=r"\S",
        description="Name shown to people, 1 to 60 characters, not only spaces.",
    )
    node: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="Identifier in MQTT topics, 1 to 64 letters, digits, - or _. "
        "Unset: host name and four hex digits of the machine id.",
    )
    memory_max_mib: float = Field(
        300, ge=150, le=8192, description="Resident memory in MiB from which musicond ends, to be started again."
    )


class FacesSection(Section):
    """Whose face counts."""

    policy: Literal["largest", "all"] = Field(
        "largest", description="largest face, kept until clearly smaller or gone, or all weighted by area."
    )
    min_size: float = Field(0.055, ge=0.05, le=1, description="Smallest face, as a fraction of the frame's height.")
    max_size: float = Field(1.0, ge=0.1, le=1, description="Largest face, as a fraction of the frame's height.")

    @model_validator(mode="after")
    def _sizes(self) -> FacesSection:
        return in_order(self, "min_size", "max_size", strict=True)


class Model(Section):
    """The model that reads expressions."""

    path: FilePath | None = Field(None, description="TFLite file. Unset: the model that comes with musicond.")
    threads: int = Field(1, ge=1, le=4, description="Threads of the TFLite interpreter.")


class MoodSection(Section):
    """The conditions under which a reading becomes a mood."""

    enter: float = Field(
        0.76,
        ge=0.15,
        le=0.95,
        description="Smoothed score (0..1) from which an expression may be announced; "
        "for happy and neutral halfway to leave is enough.",
    )
    leave: float = Field(0.28, ge=0.1, le=1, description="Smoothed score (0..1) below which an expression is given up.")
    dwell_s: float = Field(
        1.0, ge=0, le=60, description="Seconds for which a new expression must lead without a break."
    )
    away_s: float = Field(5.0, ge=0.5, le=600, description="Seconds without a face until the mood is nobody.")
    smoothing_s: float = Field(0.4, ge=0, le=30, description="Time constant in seconds of the scores' smoothing.")

    @model_validator(mode="after")
    def _hysteresis(self) -> MoodSection:
        return in_order(self, "leave", "enter")

    @property
    def tracker(self) -> MoodConfig:
        """The configuration of the mood tracker."""
        return MoodConfig(self.enter, self.leave, self.dwell_s, self.away_s, self.smoothing_s)


class MoodMusic(Section):
    """The songs of one mood."""

    lists: tuple[Annotated[str, Field(min_length=1), AfterValidator(resolve_list)], ...] = Field(
        (STARTER,),
        description="Lists of songs: starter, a .csv, .json, .m3u or .m3u8 file, a folder of audio files, "
        "or at Spotify spotify:playlist:ID, a playlist's link or name (spotify:NAME), spotify:liked or "
        "spotify:search:WORDS, which is read only while none of the mood's other lists at Spotify has songs.",
    )
    policy: PolicyName | None = Field(None, description="How the music follows this mood. Unset: as music.policy says.")

    @field_validator("lists")
    @classmethod
    def _unique(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a list is named twice; remove one")
        return value


class Moods(Section):
    """Exceptions for single moods."""

    angry: MoodMusic = MoodMusic()
    disgust: MoodMusic = MoodMusic()
    fear: MoodMusic = MoodMusic()
    happy: MoodMusic = MoodMusic()
    neutral: MoodMusic = MoodMusic()
    sad: MoodMusic = MoodMusic()
    surprise: MoodMusic = MoodMusic()


class Music(Section):
    """The choice of songs."""

    policy: PolicyName = Field(
        "match", description="How the music follows the mood: match, lift (sad or angry towards happy) or steady."
    )
    refresh: Annotated[str, valid_for(Schedule.parse)] = Field(
        "sun 04:00",
        description="When the lists are read again: a day and time (sun 04:00; mon,thu 04:00; daily 04:00), "
        "an interval (every 12 hours), or never.",
    )
    cool_down_s: float = Field(
        600, ge=0, le=86400, description="Seconds for which the same mood coming back keeps its recommendation."
    )
    quiet_hours: Annotated[str, valid_for(Hours.parse)] | None = Field(
        None, description="Hours of calmer songs, and of nothing that plays by itself: HH:MM-HH:MM. Unset: none."
    )
    library: tuple[LibraryPlace, ...] | None = Field(
        None,
        description="Your own songs, sorted into the moods by their tags or sound: folders of audio files, or mpd for "
        "its library. Unset: mpd, for moods without other lists, where playback.backend is mpd.",
    )
    moods: Moods = Moods()

    @property
    def schedule(self) -> Schedule:
        """The times at which the lists are refreshed."""
        return Schedule.parse(self.refresh)

    @property
    def hours(self) -> Hours | None:
        """The quiet hours."""
        return Hours.parse(self.quiet_hours) if self.quiet_hours else None

    @property
    def policies(self) -> dict[Emotion, Policy]:
        """The moods that have a policy of their own."""
        return {Emotion(name): Policy(section.policy) for name, section in self.moods if section.policy is not None}


class PlaybackSection(Section):
    """The player of the music; without one, music is only recommended."""

    backend: Literal["none", "spotify", "music-assistant", "mpd"] = Field(
        "none", description="What plays: none, spotify, music-assistant or mpd."
    )
    autoplay: bool = Field(default=False, description="Let music start by itself when the mood changes.")
    when: Literal["now", "song-end"] = Field(
        "song-end", description="When a new mood changes our music: now, or song-end, when the song has ended."
    )
    volume: int | None = Field(
        None, ge=0, le=100, description="Percent at which our music starts. Unset: as the speaker is set."
    )
    volume_max: int = Field(80, ge=1, le=100, description="Percent that musicond never goes beyond.")
    device: str | None = Field(
        None,
        min_length=1,
        description="Name of the speaker at Spotify, as musicond spotify devices shows it; any: whichever is active.",
    )
    away_s: float = Field(
        600, ge=10, le=86400, description="Seconds with nobody in the room until our music is paused."
    )
    silence_s: float = Field(
        7200,
        ge=0,
        le=86400,
        description="Seconds in which nothing starts by itself after a person has stopped our music, "
        "or paused or skipped it twice.",
    )


class SpotifySection(Section):
    """Your own app at Spotify; see docs/spotify.md."""

    client_id: str | None = Field(
        None, pattern=CLIENT_ID, description="Client id of your app: 32 digits and letters a to f. Unset: no Spotify."
    )
    redirect_port: int = Field(
        8888, ge=1024, le=65535, description="Port of the redirect URI http://127.0.0.1:PORT/callback of your app."
    )


class MusicAssistantSection(Section):
    """The server of Music Assistant; see docs/music-assistant.md."""

    url: str | None = Field(
        None,
        pattern=SERVER_URL,
        description="Address of the server, such as http://homeassistant.local:8095. Unset: that of the sign-in.",
    )
    token_file: FilePath | None = Field(
        None, description="File for the token. Unset: music-assistant.json in the state directory."
    )
    player: str | None = Field(
        None, min_length=1, description="Name of the player, as musicond music-assistant players shows it."
    )


class MpdSection(Section):
    """The Music Player Daemon."""

    host: Annotated[str, AfterValidator(check_host_or_socket)] = Field(
        "127.0.0.1", min_length=1, description="Host name or address, or the path of its Unix socket."
    )
    port: int = Field(6600, ge=1, le=65535, description="TCP port.")
    password_file: FilePath | None = Field(
        None, description="File that holds the password in its first line, if mpd asks for one."
    )


class Mqtt(Section):
    """The broker. Without a host nothing is sent."""

    host: Annotated[str, AfterValidator(check_host)] | None = Field(
        None, min_length=1, description="Host name or address of the broker. Unset: MQTT is off."
    )
    port: int = Field(1883, ge=1, le=65535, description="TCP port of the broker.")
    username: str | None = Field(None, min_length=1, description="User name, if the broker asks for one.")
    password_file: FilePath | None = Field(
        None, description=f"File that holds the password in its first line. ${PASSWORD_VARIABLE} wins."
    )
    protocol: Literal[5, "5", "3.1.1"] = Field(
        5, description="Version of MQTT: 5, falling back to 3.1.1 where the broker knows no 5, or 3.1.1 at once."
    )
    tls: bool = Field(default=False, description="Encrypt the connection; the port is then usually 8883.")
    ca: FilePath | None = Field(
        None, description="PEM file of the authorities that may vouch for the broker. Unset: those of the system."
    )
    cert: FilePath | None = Field(
        None, description="PEM file of this device's certificate, if the broker asks for one."
    )
    key: FilePath | None = Field(None, description="PEM file of the certificate's key, without a password.")
    base_topic: str = Field(
        "musicond",
        pattern=TOPIC_PATTERN,
        description="First part of every topic, without blanks, + or #, and without / at either end.",
    )
    discovery: bool = Field(default=True, description="Announce the device to Home Assistant.")
    discovery_prefix: str = Field(
        "homeassistant",
        pattern=TOPIC_PATTERN,
        description="Where Home Assistant looks for devices, without blanks, + or #, and without / at either end.",
    )
    status_topic: str = Field(
        "homeassistant/status",
        pattern=TOPIC_PATTERN,
        description="Where Home Assistant announces its start, without blanks, + or #, and without / at either end.",
    )

    @property
    def five(self) -> bool:
        """Whether MQTT 5 is tried first."""
        return self.protocol != "3.1.1"

    @model_validator(mode="after")
    def _certificates(self) -> Mqtt:
        files = [name for name in ("ca", "cert", "key") if getattr(self, name) is not None]
        if files and not self.tls:
            raise ValueError(f"{files[0]} needs tls: true")
        if self.key is not None and self.cert is None:
            raise ValueError("key needs cert, the certificate that it belongs to")
        return self


class Web(Section):
    """The page. Without a token only this machine itself may open it."""

    listen: Annotated[str, valid_for(split_address)] = Field(
        "127.0.0.1:8080",
        description="Address and TCP port of the page; port 0 takes a free one. "
        "Other than a loopback address only with token_file: 0.0.0.0:8080 is the whole local network.",
    )
    token_file: FilePath | None = Field(
        None,
        description="File that holds, in its first line, the token that opens the page: 16 characters or more. "
        "musicond page-link --lan makes one.",
    )
    preview: bool = Field(
        default=False, description="Let the page show the live picture, with the faces framed, to who opens it."
    )
    language: str = Field(
        "auto",
        pattern=r"^(auto|[a-z]{2})$",
        description="Language of the page, such as en or de; auto: that of each browser.",
    )
    embed: list[Annotated[str, valid_for(check_origin)]] = Field(
        [],
        description="Origins whose pages may show this page in a frame, such as http://homeassistant.local:8123 for "
        "the web page card of Home Assistant. With a token_file the frame needs the same host name as the other page.",
    )
    ingress: Annotated[str, valid_for(check_address)] | None = Field(
        None,
        description="Address of the proxy of Home Assistant's apps: 172.30.32.2. Requests from it need no token.",
    )

    @model_validator(mode="after")
    def _guarded(self) -> Web:
        host, port = self.address
        if self.token_file is None and not is_loopback(host):
            raise ValueError(
                f"listen ({self.listen}) is open to the network, and there is no token_file; "
                f"run: musicond page-link --lan, or give 127.0.0.1:{port}"
            )
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Host (without brackets) and port of `listen`."""
        return split_address(self.listen)


class History(Section):
    """Minutes of each announced mood, by day; nothing is kept unless it is switched on."""

    enabled: bool = Field(default=False, description="Keep the minutes of each mood and day.")
    keep_days: int = Field(365, ge=1, le=3660, description="Days that are kept.")


class Indicator(Section):
    """A light and a button at the GPIO pins of the device; see docs/camera.md."""

    led_pin: int | None = Field(
        None,
        ge=0,
        le=27,
        description="GPIO number of an LED that is lit exactly while the camera is open. Unset: none.",
    )
    button_pin: int | None = Field(
        None, ge=0, le=27, description="GPIO number of a button to ground that switches privacy. Unset: none."
    )

    @model_validator(mode="after")
    def _two_pins(self) -> Indicator:
        if self.led_pin is not None and self.led_pin == self.button_pin:
            raise ValueError(f"led_pin and button_pin are both {self.led_pin}; use two pins")
        return self


class Config(Section):
    """All of musicon.yaml."""

    device: Device = Device()
    camera: Camera = Camera()
    faces: FacesSection = FacesSection()
    model: Model = Model()
    mood: MoodSection = MoodSection()
    music: Music = Music()
    playback: PlaybackSection = PlaybackSection()
    spotify: SpotifySection = SpotifySection()
    music_assistant: MusicAssistantSection = MusicAssistantSection()
    mpd: MpdSection = MpdSection()
    mqtt: Mqtt = Mqtt()
    web: Web = Web()
    history: History = History()
    indicator: Indicator = Indicator()
    state_dir: FilePath | None = Field(
        None, description="Folder for the catalogue and what was switched. $STATE_DIRECTORY wins; unset: XDG's."
    )

    @model_validator(mode="after")
    def _client_id(self) -> Config:
        users: dict[tuple[str | int, ...], str] = {}
        if self.playback.backend == "spotify":
            users["playback", "backend"] = "spotify"
        for mood, section in self.music.moods:
            for position, name in enumerate(section.lists):
                if name.startswith(SPOTIFY):
                    users["music", "moods", mood, "lists", position] = f"the list {name}"
        if users and self.spotify.client_id is None:
            text = "needs spotify.client_id, the client id of your app at Spotify: see docs/spotify.md"
            raise CrossSectionError(*((path, f"{user} {text}") for path, user in users.items()))
        return self

    @model_validator(mode="after")
    def _smallest_face(self) -> Config:
        height = self.camera.size[self.camera.rotation in (0, 180)]
        key = "min_size" if self.faces.min_size != FacesSection().min_size else "max_size"
        problem = face_size_problem(height, getattr(self.faces, key), key)
        if problem and self.camera.is_device:
            raise CrossSectionError((("camera", "size"), problem))
        return self
