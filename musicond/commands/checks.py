"""The checks of `musicond doctor` but that of the camera.

What may be missing here is imported by the check that needs it.
"""

from __future__ import annotations

import errno
import os
import platform
import socket
import struct
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec

from musicond.core.models import EMOTIONS
from musicond.errors import CatalogueError, ControlError, MusicondError, NotRunning, counted
from musicond.runtime.clock import kernel_synchronised
from musicond.runtime.health import temperature_c
from musicond.web.client import ControlClient

if TYPE_CHECKING:  # the doctor runs without pydantic
    from musicond.config.schema import Config


OLDEST, NEWEST = (3, 11), (3, 13)
HOT_C, WARM_C = 80.0, 70.0
"""Degrees Celsius: a Pi slows down from 80; 70 is close to it."""
RELEASED = datetime(2026, 11, 1, tzinfo=UTC)
"""The earliest time that a correct clock can show."""
State = Literal["ok", "warning", "failed"]
Access = Callable[[Path, int], bool]
Result = tuple[State, str] | tuple[State, str, str]
"""The state of a check, what was found, and a remedy where there is one."""
Args = ParamSpec("Args")


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check, with a remedy where there is one."""

    name: str
    state: State
    found: str
    remedy: str = ""


def check(name: str, remedy: str = "") -> Callable[[Callable[Args, Result]], Callable[Args, Check]]:
    """Return a decorator that names a result; a MusicondError fails with `remedy`, as does a missing package."""

    def decorate(function: Callable[Args, Result]) -> Callable[Args, Check]:
        @wraps(function)
        def run(*args: Args.args, **kwargs: Args.kwargs) -> Check:
            try:
                return Check(name, *function(*args, **kwargs))
            except ImportError as error:
                return Check(name, "failed", one_line(error), "see the packages above")
            except MusicondError as error:
                return Check(name, "failed", one_line(error), remedy)

        return run

    return decorate


@dataclass(frozen=True, slots=True)
class Package:
    """A package that musicond uses, with an attribute that only suitable versions have."""

    name: str
    module: str
    attribute: str
    remedy: str
    optional: bool = False


PACKAGES = (
    Package("numpy", "numpy", "ndarray", "pip install 'numpy<2' (Python 3.11) or 'numpy>=2' (3.12 and later)"),
    Package(
        "OpenCV", "cv2", "CascadeClassifier", "pip install 'opencv-python-headless<5' (5 has no CascadeClassifier)"
    ),
    Package("paho-mqtt", "paho.mqtt.enums", "CallbackAPIVersion", "pip install 'paho-mqtt>=2.1,<3'"),
    Package("aiohttp", "aiohttp.web", "AppRunner", "pip install 'aiohttp>=3.14.1,<4'"),
    Package("pydantic", "pydantic", "model_validator", "pip install 'pydantic>=2.10,<3'"),
    Package("mutagen", "mutagen", "File", "pip install 'mutagen>=1.46'; sudo apt install python3-mutagen"),
    Package("prometheus", "prometheus_client", "ProcessCollector", "pip install 'prometheus-client>=0.16'"),
    Package("rich", "rich.progress", "Progress", "pip install 'rich>=13.3'; sudo apt install python3-rich"),
    Package("PyYAML", "yaml", "compose", "pip install 'pyyaml>=6.0'"),
    Package("spotipy", "spotipy", "SpotifyPKCE", "for Spotify only: pip install 'spotipy>=2.26,<3'", optional=True),
    Package("python-mpd2", "mpd", "MPDClient", "for mpd only: sudo apt install python3-mpd", optional=True),
    Package(
        "systemd", "systemd.daemon", "notify", "none needed; sudo apt install python3-systemd adds it", optional=True
    ),
)


def check_package(package: Package) -> Check:
    """Check that a package can be imported and has the attribute that musicond uses."""
    name = package.name
    try:
        module = import_module(package.module)
        version = str(getattr(import_module(package.module.partition(".")[0]), "__version__", ""))
    except Exception as error:  # a broken extension module raises anything
        if package.optional:
            return Check(name, "ok", f"not installed; optional ({one_line(error)})", package.remedy)
        return Check(name, "failed", f"can't be imported: {one_line(error)}", package.remedy)
    if not hasattr(module, package.attribute):
        return Check(name, "failed", f"{version} has no {package.attribute}".strip(), package.remedy)
    return Check(name, "ok", version or "installed")


@check("TFLite")
def check_runtime() -> Result:
    """Check that a TFLite runtime is installed and works with the installed numpy."""
    errors = []
    for package in ("tflite_runtime", "ai_edge_litert"):
        try:
            numpy = str(import_module("numpy").__version__)
            # numpy 2 makes it crash only when a model is loaded.
            if package == "tflite_runtime" and int(numpy.partition(".")[0]) > 1 and import_module(package):
                found = f"tflite-runtime 2.14 crashes with numpy {numpy}"
                return "failed", found, "pip install 'numpy<2', or use ai-edge-litert instead"
            import_module(f"{package}.interpreter")
            return "ok", f"{package} {getattr(import_module(package), '__version__', '')}".strip()
        except Exception as error:  # a broken extension module raises anything
            errors.append(one_line(error))
    remedy = "pip install tflite-runtime==2.14.0 (Python 3.11) or 'ai-edge-litert>=2.1,<3' (3.12 and later)"
    return "failed", "; ".join(errors), remedy


@check("model", "unset model.path, or install musicond again")
def check_model(path: Path, cascade: Path) -> Result:
    """Check that the emotion model and the face detector's cascade can be loaded."""
    from musicond.vision.classifier import TfliteClassifier
    from musicond.vision.detector import HaarFaceDetector

    HaarFaceDetector(cascade, TfliteClassifier(path, threads=1))
    return "ok", f"{path} ({path.stat().st_size // 1024} KiB)"


@check("catalogue")
def check_catalogue(path: Path) -> Result:
    """Check that every emotion has tracks; without a file, in the starter."""
    try:
        from musicond.library.catalogue import SqliteCatalogue

        exists = path.exists()
        with SqliteCatalogue(path if exists else ":memory:", read_only=exists) as catalogue:
            counts = {str(emotion): len(catalogue.candidates(emotion)) for emotion in EMOTIONS}
    except PermissionError:
        return "warning", f"{path}: not for this user to read", "put sudo before the command"
    except (CatalogueError, OSError) as error:
        return "failed", one_line(error), f"restart musicond: it moves {path} aside and rebuilds it"
    summary = (
        f"{counted(sum(counts.values()), 'song')} in {path if exists else 'the starter; copied at the first start'}"
    )
    if empty := [emotion for emotion, count in counts.items() if not count]:
        return "warning", f"{summary}, none for {', '.join(empty)}", "see musicond catalogue import --help"
    return "ok", summary


@check("player")
def check_open_player(playback: Mapping[str, Any]) -> Result:
    """Check the player that the running daemon uses, by the state of its API."""
    name = " on ".join(filter(None, (playback["backend"], playback["device"])))
    trouble = playback["trouble"]
    if playback["state"] == "unavailable" and not trouble:
        return "warning", f"{playback['backend']}: not connected yet", "run this again in a minute"
    if playback["state"] == "unavailable":
        return "failed", f"{playback['backend']} can't be used now: {trouble}", "see docs/players.md"
    return ("warning", name, trouble) if trouble else ("ok", name)


@check("player")
def check_music_assistant(config: Config, folder: Path) -> Result:
    """Check that the server can be reached, takes the sign-in in `folder`, and has the chosen player."""
    from musicond.app.music_assistant import MusicAssistant
    from musicond.music_assistant.api_objects import is_usable
    from musicond.music_assistant.client import MusicAssistantClient
    from musicond.runtime.http_session import as_objects

    music_assistant = MusicAssistant(config, folder)
    name, auth = music_assistant.get_player(), music_assistant.auth
    url = auth.get_url()
    with closing(MusicAssistantClient(url, auth.get_token)) as client:
        where = f"Music Assistant {client.get_info().version} at {url}"
        players = as_objects(client.run("players/all"))
    remedy = "choose the speaker on the page, or set music_assistant.player to one of musicond music-assistant players"
    if name is None:
        return "failed", f"{where}: no speaker is chosen yet", remedy
    names = (name, name.strip().casefold())  # as the server compares them
    named = [item for item in players if item.get("player_id") == name or str(item.get("name")).casefold() in names]
    if not named:
        return "failed", f"{where} has no player {name}", remedy
    if not is_usable(named[0]):
        return "failed", f"{where} does not reach the player {name}", "check its power and its network"
    if (warning := auth.get_account().warning) is not None:
        return "warning", f"{where}: the player {name} is there", warning
    return "ok", f"{where}: the player {name} is there"


@check("page")
def check_page(address: tuple[str, int], control: Path) -> Result:
    """Check that the page's port is free or held by the running musicond."""
    host, port = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server(address, family=family, backlog=1).close()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            return "failed", f"{host}:{port}: {os.strerror(error.errno or 0)}", "set another web.listen"
    else:
        return "ok", f"{host}:{port} is free" if port else "takes a free port"
    try:
        ControlClient(control).state()
    except NotRunning:
        remedy = f"see who: ss -ltnp 'sport = :{port}'; or set another web.listen"
        return "failed", f"{host}:{port} is taken by another program", remedy
    except ControlError as error:
        return "warning", f"{host}:{port} is taken, perhaps by musicond", one_line(error)
    return "ok", f"{host}:{port} is held by the running musicond"


@check("state")
def check_state_dir(folder: Path, access: Access = os.access) -> Result:
    """Check that the state directory can be written or created; `access` as in `check_camera`."""
    if access is not os.access:
        if access(folder, os.W_OK | os.X_OK):
            return "ok", f"{folder} can be written by the service"
        return "failed", f"{folder} can't be written by the service", "install musicond again"
    remedy = f"sudo chown $USER {folder}, or set another state_dir"
    try:
        if folder.exists():
            with tempfile.TemporaryFile(dir=folder):
                return "ok", f"{folder} can be written"
        above = next(parent for parent in folder.absolute().parents if parent.exists())
        if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
            return "ok", f"{folder} will be made at the first start"
    except OSError as error:
        return "failed", f"{folder}: {error.strerror}", remedy
    return "failed", f"{folder} can't be made: {above} can't be written", remedy


@check("Python")
def check_python(
    version: Sequence[int] = sys.version_info[:3],
    machine: str = platform.machine(),
    bits: int = struct.calcsize("P") * 8,
) -> Result:
    """Check that musicond supports this Python and this processor."""
    platform_text = f"{'.'.join(map(str, version))}, {bits} bits, {machine}"
    if tuple(version[:2]) < OLDEST:
        return "failed", platform_text, "use Python 3.11 to 3.13: Raspberry Pi OS Bookworm or Trixie"
    if machine == "armv6l":
        return "failed", platform_text, "no TFLite runtime exists for ARMv6: use a Pi Zero 2 W, 3, 4 or 5"
    if bits < 64:  # noqa: PLR2004 - bits of an address
        return "warning", platform_text, "install the 64-bit Raspberry Pi OS: it is the one that is tested"
    if tuple(version[:2]) > NEWEST:
        return "warning", platform_text, "newer than what is tested: use Python 3.11 to 3.13"
    return "ok", platform_text


@check("clock")
def check_clock(
    now: datetime | None = None,
    marker: Path = Path("/run/systemd/timesync/synchronized"),
    kernel: Callable[[], bool | None] = kernel_synchronised,
) -> Result:
    """Check that the clock is synchronised; quiet hours and the times on the page depend on it."""
    now = now or datetime.now(UTC)
    shown = f"{now:%Y-%m-%d %H:%M} UTC"
    if now < RELEASED:
        return "failed", f"{shown}, in the past", "sudo timedatectl set-ntp true, with a network"
    synchronised = True if marker.exists() else kernel()
    if synchronised is None:
        return "ok", f"{shown}; this machine does not say whether it is synchronised"
    if synchronised:
        return "ok", f"{shown}, synchronised"
    return "warning", f"{shown}, not synchronised", "sudo timedatectl set-ntp true; see timedatectl status"


@check("temperature")
def check_temperature(thermal: Path = Path("/sys/class/thermal")) -> Result:
    """Check that the processor is cool enough to work for hours."""
    readings = [temperature_c(sensor) for sensor in thermal.glob("thermal_zone*/temp")]
    hottest = max((reading for reading in readings if reading is not None), default=None)
    if hottest is None:
        return "ok", "no sensor here"
    reading_text = f"{hottest:.0f} degrees Celsius"
    if hottest >= HOT_C:
        return "failed", reading_text, "add a heat sink or a fan, or lower camera.rate"
    if hottest >= WARM_C:
        return "warning", reading_text, "give it air, or lower camera.rate"
    return "ok", reading_text


def one_line(error: BaseException) -> str:
    """Return an error's text in one line, or the name of its class where it has no text."""
    return " ".join(str(error).split()) or type(error).__name__
