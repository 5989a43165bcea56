"""Hosts in the configuration: what can't work is refused with the right form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from musicond.config.addresses import check_host, check_host_or_socket
from musicond.config.loader import load
from musicond.config.schema import Web
from musicond.config.secrets import mqtt_password, page_token
from musicond.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "host",
    [
        "broker",
        "broker.local",
        "broker.local.",
        "my_broker",
        "192.168.1.2",
        "::1",
        "fe80::1%eth0",
        "xn--caf-dma.example",
    ],
)
def test_a_host_is_taken(host: str) -> None:
    assert check_host(host) == check_host_or_socket(host) == host


@pytest.mark.parametrize("host", ["/run/mpd/socket", "@mpd"])
def test_a_socket_is_taken_for_mpd_alone(host: str) -> None:
    assert check_host_or_socket(host) == host
    with pytest.raises(ValueError, match="give"):
        check_host(host)


@pytest.mark.parametrize(
    ("host", "right"),
    [
        ("mqtt://broker", "give host: broker"),
        ("mqtt://broker:1884/", "give host: broker, port: 1884"),
        ("mqtts://broker:8883", "give host: broker, port: 8883 and tls: true"),
        ("tcp://[::1]:1883", "give host: ::1, port: 1883"),
        ("broker:1883", "give host: broker, port: 1883"),
        ("[::1]", "give host: ::1"),
        ("[fe80::1]:1883", "give host: fe80::1, port: 1883"),
        ("broker/", "give host: broker"),
        ("http://broker/mqtt", "give host: broker"),
        ("bro ker", "is no host"),
        ("broker:mqtt", "is no host"),
        ("mqtt://", "is no host"),
        ("-broker", "is no host"),
    ],
)
def test_another_form_is_refused_with_the_right_one(host: str, right: str) -> None:
    with pytest.raises(ValueError, match="give") as refused:
        check_host(host)
    assert right in str(refused.value)


@pytest.mark.parametrize("section", ["mqtt", "mpd"])
@pytest.mark.parametrize(
    "host", ["hunter2@broker", "ann:hunter2@broker:1883", "mqtt://ann:hunter2@broker/", "hunter2@/run/mpd/socket"]
)
def test_a_password_in_a_host_is_refused_and_never_shown(tmp_path: Path, section: str, host: str) -> None:
    file = tmp_path / "musicon.yaml"
    file.write_text(f"{section}:\n  host: {host}\n")
    with pytest.raises(ConfigError, match="give the host alone") as refused:
        load(file)
    assert "hunter2" not in str(refused.value)
    assert f":2:9: {section}.host" in str(refused.value)


@pytest.mark.parametrize("topic", ["home/", "/home", "home//music", "home/+"])
def test_a_topic_with_empty_parts_is_refused(tmp_path: Path, topic: str) -> None:
    file = tmp_path / "musicon.yaml"
    for key in ("base_topic", "discovery_prefix", "status_topic"):
        file.write_text(f"mqtt:\n  {key}: {topic}\n")
        with pytest.raises(ConfigError, match="without / at either end"):
            load(file)


def test_a_byte_order_mark_is_no_part_of_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUSICOND_MQTT_PASSWORD", raising=False)
    secret = tmp_path / "secret"
    secret.write_bytes(b"\xef\xbb\xbfa long enough secret\r\n")
    secret.chmod(0o600)
    file = tmp_path / "musicon.yaml"
    file.write_text("mqtt: {host: broker, password_file: secret}\nweb: {token_file: secret}\n")
    config = load(file).config
    for value in (mqtt_password(config), page_token(config)):
        assert value is not None
        assert value.get_secret_value() == "a long enough secret"


@pytest.mark.parametrize("text", ["http://ha.local:8123", "https://home.example", "http://192.168.1.5:8123"])
def test_an_origin_is_taken(text: str) -> None:
    assert Web(embed=[text]).embed == [text]


def test_only_an_address_is_taken_for_the_ingress() -> None:
    assert Web(ingress="172.30.32.2").ingress == "172.30.32.2"
    for text in ("homeassistant", "172.30.32.2:80", "172.30.32.0/24", ""):
        with pytest.raises(ValueError, match="is no address"):
            Web(ingress=text)


@pytest.mark.parametrize("text", ["ha.local", "http://ha.local/", "http://a b", "'self'; script-src *", "ftp://a"])
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no origin"):
        Web(embed=[text])
