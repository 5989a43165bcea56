"""Secrets: the page's token and the passwords of broker, mpd and camera.

They come from a file, the environment or systemd's credentials.
"""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

from pydantic import SecretStr

from musicond.config.schema import MIN_TOKEN, PASSWORD_VARIABLE, Config
from musicond.errors import NOT_TEXT, ConfigError
from musicond.runtime.systemd import remedy_for

log = logging.getLogger(__name__)


def _credential(name: str) -> Path | None:
    """Return the file of a credential from systemd (LoadCredential=), None without it."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    path = Path(folder) / name
    return path if folder and os.path.exists(path) else None  # noqa: PTH110 - never raises


def password_source(config: Config) -> str | Path | None:
    """Return the source of the broker's password: the variable's name, a file, or None without one."""
    if os.environ.get(PASSWORD_VARIABLE):
        return PASSWORD_VARIABLE
    return _credential("mqtt_password") or config.mqtt.password_file


def mqtt_password(config: Config) -> SecretStr | None:
    """Return the broker's password, None without one; raise ConfigError for an unusable file."""
    source = password_source(config)
    if source is None:
        return None
    if isinstance(source, str):
        password = os.environ[source]
        if NOT_TEXT.search(password):
            raise ConfigError(f"{source}: not UTF-8 text; give the password as UTF-8, without control characters")
        return SecretStr(password)
    own_file = source == config.mqtt.password_file
    return SecretStr(_first_line("mqtt.password_file", source, "the password", warn=own_file))


def mpd_password(config: Config) -> SecretStr | None:
    """Return the password of mpd, None without one; raise ConfigError for an unusable file."""
    credential, own = _credential("mpd_password"), config.mpd.password_file
    if (source := credential or own) is None:
        return None
    return SecretStr(_first_line("mpd.password_file", source, "the password", warn=source == own))


def camera_credentials(config: Config, *, warn: bool = True) -> tuple[str, SecretStr] | None:
    """Return name and password of the camera in the network, None without them; raise ConfigError.

    Unless `warn`, nothing is logged about a file that everybody can read.
    """
    credential, own = _credential("camera_credentials"), config.camera.credentials_file
    if (source := credential or own) is None:
        return None
    text = _first_line("camera.credentials_file", source, "NAME:PASSWORD", warn=warn and source == own)
    name, colon, password = text.partition(":")
    if not colon:
        raise ConfigError(f"camera.credentials_file: {source}: its first line has no colon; write NAME:PASSWORD there")
    return name, SecretStr(password)


def page_token(config: Config) -> SecretStr | None:
    """Return the page's token, None where only this machine may open it; raise ConfigError for an unusable file."""
    source = config.web.token_file
    if source is None:
        return None
    token = _first_line("web.token_file", source, "the token", warn=True)
    if len(token) < MIN_TOKEN:
        raise ConfigError(
            f"web.token_file: {source}: shorter than {MIN_TOKEN} characters; "
            "remove it and run: musicond page-link --lan"
        )
    return SecretStr(token)


def _first_line(key: str, source: Path, what: str, *, warn: bool) -> str:
    """Return the secret in the first line of a file; raise ConfigError that names the key."""
    try:
        # Root reads files of other users: a link or a pipe in their directory must not redirect or block it.
        number = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(number, encoding="utf-8-sig") as file:
            open_to_all = os.fstat(file.fileno()).st_mode & 0o004
            secret = file.readline().rstrip("\r\n")
    except OSError as exc:
        remedy = remedy_for(source, "make it readable for this user, or put sudo before the command")
        if exc.errno == errno.ELOOP:
            remedy = "it is a link; name the file itself"
        raise ConfigError(f"{key}: {source}: {exc.strerror}; {remedy}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{key}: {source}: not UTF-8 text; save {what} as UTF-8") from None
    if not secret:
        raise ConfigError(f"{key}: {source}: its first line is empty; write {what} there")
    if open_to_all and warn:
        log.warning("%s can be read by every user; run: chmod o-r %s", source, source)
    return secret
