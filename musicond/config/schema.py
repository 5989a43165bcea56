"""The configuration: one frozen model a section, each key with its unit, range and default; and the places."""

from __future__ import annotations

import ipaddress
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from musicond.config.mqtt_section import Mqtt
from musicond.config.music_section import SPOTIFY, History, Music, Section
from musicond.config.playback_section import MpdSection, PlaybackSection, SpotifySection

SOURCE_PATTERN = r"^(auto|pi|demo|v4l2(:/dev/.+)?|file:.+)$"
SYSTEM_RUNTIME_DIR = Path("/run/musicond")
SYSTEM_STATE_DIR = Path("/var/lib/musicond")
CONTROL_SOCKET = "control.sock"
MIN_TOKEN = 16
"""Characters of the page's token."""


LIVE = (
    "camera.idle_rate",
    "mood.",
    "music.",
    *(f"playback.{key}" for key in ("autoplay", "when", "volume", "away_s", "silence_s")),
)
"""Keys, and beginnings of keys, that a reload (SIGHUP) takes over; all others wait for a restart."""


class MisfitError(ValueError):
    """Values of several sections that do not go together: for each the path of its key, and what is wrong."""

    def __init__(self, *found: tuple[tuple[str | int, ...], str]) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, path))}: {text}" for path, text in found))
        self.found = found


class Device(Section):
    """Who this device is."""

    name: str = Field("musicond", min_length=1, max_length=60, description="Name shown to people, 1 to 60 characters.")
    node: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="Identifier in MQTT topics, 1 to 64 letters, digits, - or _. "
        "Unset: host name and four hex digits of the machine id.",
    )


class Camera(Section):
    """Where the pictures come from, and how often they are looked at."""

    source: str = Field("auto", pattern=SOURCE_PATTERN, description="auto, pi, v4l2[:/dev/videoN], demo or file:PATH.")
    size: tuple[Annotated[int, Field(ge=160, le=1920)], Annotated[int, Field(ge=120, le=1080)]] = Field(
        (640, 480), description="Width and height in pixels."
    )
    rate: float = Field(8.0, ge=1, le=30, description="Frames per second that are analysed with a person present.")
    idle_rate: float = Field(2.5, ge=0.5, le=30, description="Frames per second that are looked at in an empty room.")
    rotation: Literal[0, 90, 180, 270] = Field(0, description="Degrees clockwise by which the picture is turned.")
    mirror: bool = Field(default=False, description="Swap left and right.")

    @model_validator(mode="after")
    def _rates(self) -> Camera:
        if self.idle_rate > self.rate:
            msg = f"idle_rate ({self.idle_rate:g}) must not exceed rate ({self.rate:g})"
            raise ValueError(msg)
        return self


class FacesSection(Section):
    """Whose face counts."""

    policy: Literal["largest", "all"] = Field("largest", description="largest face, or all weighted by area.")
    min_size: float = Field(0.12, ge=0.05, le=1, description="Smallest face, as a fraction of the frame's height.")
    max_size: float = Field(1.0, ge=0.1, le=1, description="Largest face, as a fraction of the frame's height.")

    @model_validator(mode="after")
    def _sizes(self) -> FacesSection:
        if self.min_size >= self.max_size:
            msg = f"min_size ({self.min_size:g}) must be less than max_size ({self.max_size:g})"
            raise ValueError(msg)
        return self


class Model(Section):
    """The emotion model."""

    path: Path | None = Field(None, description="TFLite file. Unset: the model that comes with musicond.")
    threads: int = Field(1, ge=1, le=4, description="Threads of the TFLite interpreter.")


class MoodSection(Section):
    """When a reading becomes a mood."""

    enter: float = Field(
        0.42, ge=0.15, le=1, description="Smoothed score (0..1) from which an emotion may be announced."
    )
    leave: float = Field(0.30, ge=0.1, le=1, description="Smoothed score (0..1) below which an emotion is given up.")
    dwell_s: float = Field(1.0, ge=0, le=60, description="Seconds for which a new emotion must lead without a break.")
    away_s: float = Field(5.0, ge=0.5, le=600, description="Seconds without a face until the mood is nobody.")
    smoothing_s: float = Field(0.8, ge=0, le=30, description="Time constant in seconds of the scores' smoothing.")

    @model_validator(mode="after")
    def _hysteresis(self) -> MoodSection:
        if self.leave > self.enter:
            msg = f"leave ({self.leave:g}) must not exceed enter ({self.enter:g})"
            raise ValueError(msg)
        return self


def split_address(text: str) -> tuple[str, int]:
    """Split HOST:PORT of the page; raise ValueError unless HOST is an address of IPv4 or (in brackets) IPv6."""
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()):
        raise ValueError(f"{text!r} has no port; give HOST:PORT, such as 127.0.0.1:8080")
    if len(port) > 5 or int(port) > 65535:  # noqa: PLR2004 - the highest TCP port, which has five digits
        raise ValueError(f"port {port} is too large; give 0 to 65535")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if host == "localhost":
        return host, int(port)
    try:
        right = (ipaddress.ip_address(bare).version == 6) == (bare != host)  # noqa: PLR2004 - IPv6
    except ValueError:
        right = False
    if not right:
        raise ValueError(f"{host!r} is no address; give 127.0.0.1:{port}, [::1]:{port} or 0.0.0.0:{port}")
    return bare, int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address (without brackets)."""
    return host == "localhost" or ipaddress.ip_address(host).is_loopback


class Web(Section):
    """The page. Without a token only this machine itself may open it."""

    listen: str = Field(
        "127.0.0.1:8080",
        description="Address and TCP port of the page; port 0 takes a free one. "
        "Other than a loopback address only with token_file: 0.0.0.0:8080 is the whole local network.",
    )
    token_file: Path | None = Field(
        None,
        description="File that holds, in its first line, the token that opens the page: 16 characters or more. "
        "musicond page-link --lan makes one.",
    )
    preview: bool = Field(
        default=False, description="Let the page show the live picture, with the faces framed, to who opens it."
    )

    @field_validator("listen")
    @classmethod
    def _address(cls, value: str) -> str:
        split_address(value)
        return value

    @model_validator(mode="after")
    def _guarded(self) -> Web:
        host, port = self.address
        if self.token_file is None and not is_loopback(host):
            msg = (
                f"listen ({self.listen}) is open to the network, and there is no token_file; "
                f"run: musicond page-link --lan, or give 127.0.0.1:{port}"
            )
            raise ValueError(msg)
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Host (without brackets) and port of `listen`."""
        return split_address(self.listen)


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
    mpd: MpdSection = MpdSection()
    mqtt: Mqtt = Mqtt()
    web: Web = Web()
    history: History = History()
    state_dir: Path | None = Field(
        None, description="Folder for the catalogue and what was switched. $STATE_DIRECTORY wins; unset: XDG's."
    )

    @model_validator(mode="after")
    def _signed_up(self) -> Config:
        wanting: dict[tuple[str | int, ...], str] = {}
        if self.playback.backend == "spotify":
            wanting["playback", "backend"] = "spotify"
        for emotion, lists in self.music.wanted.items():
            for place, name in enumerate(lists):
                if name.startswith(SPOTIFY):
                    wanting["music", "moods", emotion.value, "lists", place] = f"the list {name}"
        if wanting and self.spotify.client_id is None:
            how = "needs spotify.client_id, the client id of your app at Spotify: see docs/spotify.md"
            raise MisfitError(*((path, f"{what} {how}") for path, what in wanting.items()))
        return self


def _first_folder(variable: str) -> Path | None:
    """Return the first folder of a colon-separated list that systemd sets, if it is set."""
    first = os.environ.get(variable, "").split(":", 1)[0]
    return Path(first) if first else None


def state_dir(config: Config) -> Path:
    """Return the folder for what outlives a restart; it need not exist yet."""
    given = _first_folder("STATE_DIRECTORY") or config.state_dir
    if given is not None:
        return given
    base = os.environ.get("XDG_STATE_HOME", "")
    # The XDG rules say that a relative path is to be ignored.
    home = Path(base) if base.startswith("/") else Path(os.path.expanduser("~/.local/state"))  # noqa: PTH111 - expanduser never raises
    return home / "musicond"


def runtime_dir(config: Config, system: Path = SYSTEM_RUNTIME_DIR) -> Path:
    """Return the folder of `control.sock`: systemd's, else that of the system's daemon, else the state directory."""
    given = _first_folder("RUNTIME_DIRECTORY")
    if given is not None:
        return given
    if os.path.exists(system / "control.sock") or os.access(system, os.W_OK | os.X_OK):  # noqa: PTH110 - never raises
        return system
    return state_dir(config)


def control_socket(config: Config) -> Path:
    """Return where a command finds the running daemon."""
    return runtime_dir(config) / CONTROL_SOCKET


def own_socket(config: Config) -> Path:
    """Return where the daemon itself listens: a daemon started by hand leaves the system's alone."""
    return (_first_folder("RUNTIME_DIRECTORY") or state_dir(config)) / CONTROL_SOCKET


def stored_state_dir(config: Config, system: Path = SYSTEM_STATE_DIR) -> Path:
    """Return the state directory of the daemon that a command means: the system's, where there is one."""
    told = _first_folder("STATE_DIRECTORY") or config.state_dir
    return system if told is None and os.path.isdir(system) else state_dir(config)  # noqa: PTH112 - never raises


def models_dir() -> Path:
    """Return the folder of the model and the cascade: $MUSICOND_MODELS, the checkout's, or the installed one."""
    given = os.environ.get("MUSICOND_MODELS", "")
    if given:
        return Path(given)
    checkout = Path(__file__).resolve().parents[2] / "models"
    installed = Path(sys.prefix) / "share/musicond/models"
    packaged = Path("/usr/share/musicond/models")
    return next((path for path in (checkout, installed) if path.is_dir()), packaged)


def model_path(config: Config) -> Path:
    """Return the TFLite file to load; it need not exist."""
    return config.model.path or models_dir() / "fer_int8.tflite"
