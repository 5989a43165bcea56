"""The models, the places and the password."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from musicond.config import schema as settings
from musicond.config.addresses import split_address
from musicond.config.paths import model_path, models_dir, runtime_dir, state_dir
from musicond.config.schema import Config, Mqtt, Web
from musicond.config.secrets import mqtt_password, page_token
from musicond.errors import ConfigError

VARIABLES = (
    "STATE_DIRECTORY",
    "RUNTIME_DIRECTORY",
    "XDG_STATE_HOME",
    "CREDENTIALS_DIRECTORY",
    "MUSICOND_MQTT_PASSWORD",
    "MUSICOND_MODELS",
)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def with_file(path: Path) -> Config:
    return Config(mqtt=Mqtt(password_file=path))


def test_values_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Config().web.listen = "127.0.0.1:1"  # type: ignore[misc]  # that it is refused is what is tested


@pytest.mark.parametrize("name", ["", "   ", "\t", "x" * 61])
def test_a_blank_or_long_name_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=r"device\.name"):
        Config.model_validate({"device": {"name": name}})


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("127.5.6.7:0", "127.5.6.7", 0),
        ("localhost:65535", "localhost", 65535),
        ("[::1]:80", "::1", 80),
    ],
)
def test_a_loopback_address_is_taken(text: str, host: str, port: int) -> None:
    assert Web(listen=text).address == (host, port)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (":80", "'' is no address; give 127.0.0.1:80"),
        ("::1:80", "no address"),
        ("[127.0.0.1]:80", "no address"),
        ("127.0.0.256:80", "no address"),
        ("example.org:80", "'example.org' is no address"),
        ("127.0.0.1:65536", "port 65536 is too large"),
        ("127.0.0.1:" + "9" * 5000, "too large"),
        ("127.0.0.1:", "no port"),
        ("127.0.0.1", "no port"),
        ("127.0.0.1:-1", "no port"),
        ("127.0.0.1:\u0661", "no port"),
    ],
)
def test_what_is_no_address_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        split_address(text)


@pytest.mark.parametrize("listen", ["0.0.0.0:80", "[::]:80", "192.168.1.7:80"])
def test_the_page_is_open_to_the_network_with_a_token_alone(listen: str, tmp_path: Path) -> None:
    with pytest.raises(
        ValidationError, match=r"open to the network, and there is no token_file; run: .*page-link --lan"
    ):
        Web(listen=listen)
    assert Web(listen=listen, token_file=tmp_path).address[1] == 80


def test_the_pages_token_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    config = Config(web=Web(token_file=file))
    assert page_token(Config()) is None
    with pytest.raises(ConfigError, match=r"web.token_file: .*No such file"):
        page_token(config)
    file.write_text("short\n", "utf-8")
    with pytest.raises(ConfigError, match="shorter than 16 characters; remove it and run"):
        page_token(config)
    file.write_text("from-the-file-0123\n", "utf-8")
    token = page_token(config)
    assert token is not None
    assert token.get_secret_value() == "from-the-file-0123"
    assert "0123" not in repr(token)
    link = tmp_path / "link"
    link.symlink_to(file)
    with pytest.raises(ConfigError, match="it is a link; name the file itself"):
        page_token(Config(web=Web(token_file=link)))


def test_the_state_directory_is_systemds_then_the_files_then_xdgs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert state_dir(Config()) == Path("/home/someone/.local/state/musicond")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert state_dir(Config()) == Path("/home/someone/.local/state/musicond")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_dir(Config()) == tmp_path / "musicond"
    configured = Config(state_dir=Path("/srv/musicond"))
    assert state_dir(configured) == Path("/srv/musicond")
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/musicond:/var/lib/other")
    assert state_dir(configured) == Path("/var/lib/musicond")


def test_the_control_socket_lies_with_the_systems_daemon_or_in_the_state_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config(state_dir=tmp_path / "state")
    assert runtime_dir(config, tmp_path / "none") == tmp_path / "state"
    (tmp_path / "run").mkdir()
    assert runtime_dir(config, tmp_path / "run") == tmp_path / "run"
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/musicond")
    assert runtime_dir(config, tmp_path / "none") == Path("/run/musicond")


def test_the_models_are_beside_the_package_or_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    beside = Path(settings.__file__).resolve().parents[2] / "models"
    assert models_dir() == (beside if beside.is_dir() else Path("/usr/share/musicond/models"))
    assert model_path(Config()) == models_dir() / "fer_int8.tflite"
    monkeypatch.setenv("MUSICOND_MODELS", "/opt/models")
    assert models_dir() == Path("/opt/models")
    assert model_path(Config.model_validate({"model": {"path": "/m.tflite"}})) == Path("/m.tflite")


def test_no_password_is_none() -> None:
    assert mqtt_password(Config()) is None


def test_a_password_of_the_environment_that_is_no_text_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSICOND_MQTT_PASSWORD", os.fsdecode(b"hush\xff"))
    with pytest.raises(ConfigError, match="not UTF-8 text") as error:
        mqtt_password(Config())
    assert "hush" not in str(error.value)


def test_a_password_is_the_first_line_and_never_printed(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("käse \nrest\n", "utf-8")
    file.chmod(0o600)
    secret = mqtt_password(with_file(file))
    assert secret is not None
    assert secret.get_secret_value() == "käse "
    assert "käse" not in f"{secret} {secret!r}"


def test_the_environment_wins_over_the_credential_and_this_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = with_file(tmp_path / "missing")
    (tmp_path / "mqtt_password").write_text("credential\n", "utf-8")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    secret = mqtt_password(config)
    assert secret is not None
    assert secret.get_secret_value() == "credential"
    monkeypatch.setenv("MUSICOND_MQTT_PASSWORD", "variable")
    secret = mqtt_password(config)
    assert secret is not None
    assert secret.get_secret_value() == "variable"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file"),
        (b"", "first line is empty"),
        (b"\npassword\n", "first line is empty"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_a_password_that_cannot_be_read_is_one_line(tmp_path: Path, content: bytes | None, says: str) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=says) as error:
        mqtt_password(with_file(file))
    assert str(error.value).startswith(f"mqtt.password_file: {file}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("mode", "warnings"), [(0o644, 1), (0o640, 0)])
def test_a_password_that_everybody_can_read_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, warnings: int
) -> None:
    file = tmp_path / "password"
    file.write_text("hunter2\n", "utf-8")
    file.chmod(mode)
    with caplog.at_level(logging.WARNING):
        mqtt_password(with_file(file))
    assert len(caplog.records) == warnings
    assert "hunter2" not in caplog.text
