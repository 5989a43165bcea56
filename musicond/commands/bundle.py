"""The support bundle of `musicond doctor --bundle`: a text file for a report, without anything that is private."""

from __future__ import annotations

import contextlib
import json
import platform
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from musicond import __version__
from musicond.commands.checks import Check
from musicond.commands.config import lines as config_lines
from musicond.commands.daemon import read_list_selection
from musicond.config.overrides import PASSWORD_FILES, load_effective
from musicond.config.paths import control_socket, daemon_state_dir
from musicond.config.schema import Config
from musicond.config.user_settings import read_settings
from musicond.core.models import Emotion
from musicond.core.settings import DEFAULTS
from musicond.errors import ConfigError, ControlError, StateDirError, clean_text
from musicond.library.database import FILE_NAME as CATALOGUE
from musicond.web.client import ControlClient

HEAD = (
    "This file holds versions, checks, the configuration, states and the latest lines of the log.\n"
    "Pictures, moods, songs, passwords and tokens are left out or replaced; read it before you send it."
)
STATES = ("watching", "demo", "preview", "version")
CONTROLS = ("private", "private_until", "consent_pending", "paused", "paused_until", "autoplay", "volume")
PLAYBACK = ("backend", "state", "trouble")
SECRET_FILES = ("spotify.json", "music-assistant.json", "page-links.json", "page-token", *PASSWORD_FILES)
"""Files of the state directory whose texts are secret."""
SHORTEST_SECRET, SHORTEST_NAME = 4, 3
"""Shorter secrets and titles are too common to be replaced."""
MOODS = re.compile(rf"\b(?:{'|'.join(Emotion)})\b", re.IGNORECASE)
KNOWN = "etc|var/lib/musicond|run|usr|dev|proc|sys|api|boot|opt|tmp/musicond"
"""Folders of the system, whose paths name no song."""
PATH = re.compile(rf"(?<![\w.:/])/(?!/|(?:{KNOWN})\b)[^:;\n]*")
ADDRESS = re.compile(r"\S+:/\S*[@?]\S*")
"""An address with a name, a password or a query, also a mistyped one."""
AUDIO = re.compile(r"[^:;,\n/]*\.(?:mp3|flac|og[ga]|opus|m4a|aac|wav|wma|aiff?|m3u8?)\b", re.IGNORECASE)


def bundle_text(path: Path | None, checks: Sequence[Check]) -> str:
    """Return the text of the bundle; what can't be read is said in it."""
    parts = [f"musicond {__version__}, {datetime.now().astimezone():%Y-%m-%d %H:%M %Z}\n{HEAD}"]
    try:
        loaded = load_effective(path)
    except ConfigError as exc:
        problems = map(scrubber((), (), moods=False), exc.problems)
        return "\n\n".join([*parts, _section("Versions", _versions()), _section("Configuration", problems)]) + "\n"
    folder, client = daemon_state_dir(loaded.config), ControlClient(control_socket(loaded.config))
    secrets = set(_secrets(loaded.config, folder))
    try:
        state, log = client.state(), client.log()
    except ControlError as exc:
        state, log = {"daemon": str(exc)}, []
    scrub = scrubber(secrets, names_in(folder / CATALOGUE), moods=True)
    try:
        settings, selection = read_settings(folder), read_list_selection(folder)
    except StateDirError:
        settings, selection = DEFAULTS, {}
    config = (line for line in config_lines(loaded, settings, selection) if not line.startswith("# mood:"))
    parts += [
        _section("Versions", _versions()),
        _section("Checks", [scrub(f"{item.state:8} {item.name:12} {item.found}") for item in checks]),
        _section("Configuration", map(scrubber(secrets, (), moods=False), config)),
        _section("States", [scrub(line) for line in states(state)]),
        _section("Log", [scrub(f"{line['at']} {line['level']} {line['text']}") for line in log]),
    ]
    return "\n\n".join(parts) + "\n"


def scrubber(secrets: Iterable[str], names: Iterable[str], *, moods: bool) -> Callable[[str], str]:
    """Return a function that replaces secrets, names of songs and artists, and with `moods` moods and paths."""
    hidden = sorted({item for item in secrets if len(item) >= SHORTEST_SECRET}, key=len, reverse=True)
    titles = sorted({item for item in names if len(item) >= SHORTEST_NAME}, key=len, reverse=True)

    def scrub(text: str) -> str:
        for secret in hidden:
            text = text.replace(secret, "********")
        text = ADDRESS.sub("********", text)
        if moods:
            text = AUDIO.sub("<file>", PATH.sub("<path>", text))
        for title in titles:
            if title in text:
                text = re.sub(rf"(?<!\w){re.escape(title)}(?!\w)", "<song>", text)
        return MOODS.sub("<mood>", text) if moods else text

    return scrub


def names_in(catalogue: Path) -> Iterator[str]:
    """Yield the titles, artists and albums of a catalogue; none where it can't be read."""
    address = f"{catalogue.absolute().as_uri()}?mode=ro"
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
        for row in connection.execute("SELECT title, artist, album FROM tracks"):
            yield from (str(value) for value in row if value)


def states(state: Mapping[str, Any]) -> Iterator[str]:
    """Yield the parts of the state that say how musicond is, one a line."""
    for name in (*STATES, "daemon"):
        if name in state:
            yield f"{name}: {state[name]}"
    for section, names in (("controls", CONTROLS), ("playback", PLAYBACK), ("health", None)):
        values = state.get(section) or {}
        for name in values if names is None else names:
            yield f"{section}.{name}: {json.dumps(values.get(name), ensure_ascii=False)}"


def _secrets(config: Config, folder: Path) -> Iterator[str]:
    """Yield the secret texts of this installation, as far as they can be read."""
    files = [config.mqtt.password_file, config.mpd.password_file, config.camera.credentials_file]
    files += [config.web.token_file, config.music_assistant.token_file, *(folder / name for name in SECRET_FILES)]
    for file in filter(None, files):
        with contextlib.suppress(OSError):
            content = file.read_text("utf-8", "replace")
            with contextlib.suppress(ValueError):
                yield from _texts(json.loads(content))
                continue
            line = content.partition("\n")[0]
            yield from (line, *line.split(":", 1))


def _texts(value: object) -> Iterator[str]:
    """Yield all texts in JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _versions() -> Iterator[str]:
    yield f"musicond {__version__}"
    yield f"Python {platform.python_version()}, {platform.machine()}, kernel {platform.release()}"
    with contextlib.suppress(OSError):
        yield platform.freedesktop_os_release().get("PRETTY_NAME", "unknown system")
    with contextlib.suppress(OSError):
        yield clean_text(Path("/proc/device-tree/model").read_text("utf-8", "replace")).strip("\0\ufffd")


def _section(title: str, content: Iterable[str]) -> str:
    return "\n".join([f"## {title}", *content])
