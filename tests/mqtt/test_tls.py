from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from musicond.commands.broker_check import check_broker
from musicond.config.schema import Mqtt
from musicond.errors import OutputError
from musicond.mqtt.client import tls_context
from tests.certificates import certificates, openssl
from tests.mqtt.conftest import Broker, Listener, free_port
from tests.mqtt.device import BACK_S, Device
from tests.mqtt.relay import REFUSED, Relay

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["certificates"]

pytestmark = [
    pytest.mark.broker,
    # paho leaves the socket of a failed handshake to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def secured(tmp_path: Path, certificates: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.config += f"cafile {certificates}/ours.pem\n"
    yield broker
    broker.stop()


def listening(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def serve(broker: Broker, certificates: Path, name: str, *more: str) -> None:
    broker.config += f"certfile {certificates}/{name}.pem\nkeyfile {certificates}/{name}.key\n" + "".join(more)
    broker.start()


def test_a_certificate_of_the_configured_authority_is_accepted(
    tmp_path: Path, secured: Broker, certificates: Path
) -> None:
    serve(secured, certificates, "broker")
    with Device(
        tmp_path / "device", secured.port, settings={"tls": True, "ca": str(certificates / "ours.pem")}
    ) as device:
        assert device.wait_until(lambda _: device.output.status().startswith("connected"))


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("future", "not yet valid; the clock of this machine is probably wrong: see timedatectl"),
        ("past", "has expired; renew the broker's certificate, unless the clock of this machine is wrong"),
    ],
)
def test_a_certificate_of_another_time_names_the_clock(
    tmp_path: Path,
    secured: Broker,
    certificates: Path,
    caplog: pytest.LogCaptureFixture,
    name: str,
    remedy: str,
) -> None:
    serve(secured, certificates, name)
    settings = {"tls": True, "ca": str(certificates / "ours.pem")}
    with Device(tmp_path / "device", secured.port, settings=settings) as device:
        assert device.wait_until(lambda _: "certificate" in device.output.status())
        assert device.wait_until(lambda _: remedy in caplog.text), caplog.text
    assert "mqtt.ca" not in caplog.text


@pytest.mark.parametrize(
    ("name", "ca", "why"),
    [
        ("broker", "theirs", "certificate verify failed|certificate refused: unable to get local issuer"),
        ("broker", None, "certificate refused: unable to get local issuer|self.signed certificate in"),
        ("elsewhere", "ours", "certificate refused: .*mismatch"),
    ],
    ids=["another authority", "the system's authorities", "another name"],
)
def test_a_wrong_certificate_is_refused_and_logged(
    tmp_path: Path,
    secured: Broker,
    certificates: Path,
    caplog: pytest.LogCaptureFixture,
    name: str,
    ca: str | None,
    why: str,
) -> None:
    serve(secured, certificates, name)
    settings = {"ca": str(certificates / f"{ca}.pem")} if ca else {}
    with Device(tmp_path / "device", secured.port, settings={"tls": True, **settings}) as device:
        assert device.wait_until(lambda _: "certificate" in device.output.status())
    [line] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "certificate refused" in line
    assert "check mqtt.ca and the name in mqtt.host" in line


def test_once_the_certificate_is_right_the_state_is_published(
    tmp_path: Path, secured: Broker, certificates: Path
) -> None:
    plain = free_port()
    secured.config += f"certfile {tmp_path}/used.pem\nkeyfile {tmp_path}/used.key\nlistener {plain} 127.0.0.1\n"

    def start(name: str) -> None:
        secured.stop()
        for kind in ("pem", "key"):
            (tmp_path / f"used.{kind}").write_bytes((certificates / f"{name}.{kind}").read_bytes())
        secured.start()
        while not listening(plain):
            continue

    start("elsewhere")
    ca = str(certificates / "ours.pem")
    with Device(tmp_path / "device", secured.port, settings={"tls": True, "ca": ca}) as device:
        assert device.wait_until(lambda _: "certificate" in device.output.status())
        start("broker")
        listener = Listener(plain)
        assert device.wait_published(listener, BACK_S)
        listener.close()


def test_a_broker_may_require_a_client_certificate(tmp_path: Path, secured: Broker, certificates: Path) -> None:
    serve(secured, certificates, "broker", "require_certificate true\n")
    ca = {"ca": str(certificates / "ours.pem")}
    with Device(tmp_path / "without", secured.port, settings={"tls": True, **ca}) as device:
        assert device.wait_until(
            lambda _: "not connected" in device.output.status() and "connecting" not in device.output.status()
        )
    own = {"cert": str(certificates / "device.pem"), "key": str(certificates / "device.key")}
    with Device(tmp_path / "with", secured.port, settings={"tls": True, **ca, **own}) as device:
        assert device.wait_until(lambda _: device.output.status().startswith("connected"))


def test_tls_to_a_plain_port_names_the_port(tmp_path: Path, broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    with Device(tmp_path / "device", broker.port, settings={"tls": True}) as device:
        assert device.wait_until(lambda _: "connecting" not in device.output.status())
        assert device.wait_until(lambda _: "mqtt.port" in caplog.text), device.output.status()


def test_states_and_commands_work_over_tls(tmp_path: Path, secured: Broker, certificates: Path) -> None:
    plain = free_port()
    serve(secured, certificates, "broker", f"listener {plain} 127.0.0.1\n")
    while not listening(plain):
        continue
    listener = Listener(plain)
    with Device(
        tmp_path / "device", secured.port, settings={"tls": True, "ca": str(certificates / "ours.pem")}
    ) as device:
        assert device.wait_published(listener)
        for number in range(60):  # many at once: more than one record may be read at a time
            listener.send("musicond/den/sensitivity/set", str(number), qos=0)
            listener.send("musicond/den/like/set", qos=1)
        assert device.wait_until(lambda _: device.likes() == 60)
        assert listener.wait_for("musicond/den/sensitivity/state", "59")
    listener.close()


@pytest.mark.parametrize("bad", ["missing", "no PEM", "another key", "a password"])
def test_a_bad_file_is_one_line(tmp_path: Path, certificates: Path, bad: str) -> None:
    files = {
        name: str(certificates / f"{stem}")
        for name, stem in (("ca", "ours.pem"), ("cert", "device.pem"), ("key", "device.key"))
    }
    if bad == "missing":
        files["ca"] = str(tmp_path / "none.pem")
    elif bad == "no PEM":
        (tmp_path / "bad.pem").write_text("hello")
        files["cert"] = str(tmp_path / "bad.pem")
    elif bad == "another key":
        files["key"] = str(certificates / "broker.key")
    else:
        openssl(tmp_path, "ec", "-aes128", "-passout", "pass:x1y2", "-in", files["key"], "-out", "locked.key")
        files["key"] = str(tmp_path / "locked.key")
    settings = Mqtt.model_validate({"host": "127.0.0.1", "tls": True, **files})
    with pytest.raises(OutputError, match=r"mqtt\.") as caught:
        tls_context(settings)
    assert "\n" not in str(caught.value)
    assert str(Path(files["ca" if bad == "missing" else "cert"])) in str(caught.value)


def test_the_doctor_tries_the_same_connection(
    tmp_path: Path, secured: Broker, certificates: Path, broker: Broker
) -> None:
    serve(secured, certificates, "broker")

    def check(port: int, **more: object) -> tuple[str, str]:
        result = check_broker(Mqtt.model_validate({"host": "127.0.0.1", "port": port, **more}), None)
        return result.state, result.found

    assert check(secured.port, tls=True, ca=str(certificates / "ours.pem"))[0] == "ok"
    state, text = check(secured.port, tls=True)
    assert (state, "certificate" in text) == ("failed", True)
    assert check(secured.port, tls=True, ca=str(tmp_path / "none.pem"))[0] == "failed"
    assert check(broker.port, tls=True)[0] == "failed"
    with Relay(broker.port) as old:
        old.refuse_5 = REFUSED
        state, text = check(old.port)
        assert (state, "goes on with 3.1.1" in text) == ("ok", True)
        assert check(old.port, protocol="3.1.1")[0] == "ok"
