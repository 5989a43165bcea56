"""The check of the modes of files: what holds a secret or decides on the camera is for its owner alone."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from musicond.config.schema import Config

READ_BY_OTHERS = stat.S_IRGRP | stat.S_IROTH
WRITTEN_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
STATE_FILES = ("*.json", "*.sqlite", "mqtt-password*", "page-token")
"""Files of the state directory with tokens, passwords, settings or feedback."""


def too_open(config: Config, config_file: Path | None, state_folder: Path) -> Iterator[str]:
    """Yield a line with the remedy for each file that other users could read or change."""
    secrets = (
        config.mqtt.password_file,
        config.mqtt.key,
        config.mpd.password_file,
        config.camera.credentials_file,
        config.web.token_file,
        config.music_assistant.token_file,
    )
    for path in filter(None, (config_file, *secrets)):
        yield from _writable(path)
    yield from _writable(state_folder)
    for path in (file for pattern in STATE_FILES for file in sorted(state_folder.glob(pattern))):
        if _mode(path) & READ_BY_OTHERS:
            yield f"{path} can be read by other users; run: chmod 600 {path}"
        yield from _writable(path)


def _writable(path: Path) -> Iterator[str]:
    if _mode(path) & WRITTEN_BY_OTHERS:
        yield f"{path} can be changed by other users; run: chmod go-w {path}"


def _mode(path: Path) -> int:
    """Return the mode of a file; 0 for a link and where it can't be read, which others report."""
    try:
        status = path.lstat()
    except OSError:
        return 0
    return 0 if stat.S_ISLNK(status.st_mode) else stat.S_IMODE(status.st_mode)
