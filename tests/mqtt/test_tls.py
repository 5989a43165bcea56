from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from musicond.commands.checks import check_broker
from musicond.config.schema import Mqtt
from musicond.errors import OutputError
from musicond.mqtt.connection import tls_context
from tests.mqtt.conftest import Broker, Listener, free_port
from tests.mqtt.house import BACK_S, House
from tests.mqtt.relay import REFUSED, Relay

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.broker,
    # paho leaves the socket of a failed handshake to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def openssl(folder: Path, *args: str) -> None:
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)


def authority(folder: Path, name: str) -> None:
    """Make a certificate authority."""
    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    extensions = ["-addext", "basicConstraints=critical,CA:true", "-addext", "keyUsage=critical,keyCertSign"]
    openssl(folder, *new, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem", *extensions)


def certificate(folder: Path, name: str, signed_by: str, for_whom: str) -> None:
    """Make a key and a certificate."""
    new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}"]
    openssl(folder, *new, "-keyout", f"{name}.key", "-out", f"{name}.csr")
    (folder / "extensions").write_text(f"subjectAltName={for_whom}\n")
    sign = ["x509", "-req", "-in", f"{name}.csr", "-CA", f"{signed_by}.pem", "-CAkey", f"{signed_by}.key", "-days", "2"]
    openssl(folder, *sign, "-CAcreateserial", "-extfile", "extensions", "-out", f"{name}.pem")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    authority(folder, "ours")
    authority(folder, "theirs")
    certificate(folder, "broker", "ours", "IP:127.0.0.1")
    certificate(folder, "elsewhere", "ours", "DNS:elsewhere.example")
    certificate(folder, "device", "ours", "DNS:den")
    return folder


@pytest.fixture
def secured(tmp_path: Path, certificates: Path) -> Iterator[Broker]:
    made = Broker(tmp_path)
    made.config += f"cafile {certificates}/ours.pem\n"
    yield made
    made.stop()


def listening(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def serve(broker: Broker, certificates: Path, name: str, *more: str) -> None:
    broker.config += f"certfile {certificates}/{name}.pem\nkeyfile {certificates}/{name}.key\n" + "".join(more)
    broker.start()


def test_an_own_authority_vouches_for_the_broker(tmp_path: Path, secured: Broker, certificates: Path) -> None:
    serve(secured, certificates, "broker")
    with House(tmp_path / "house", secured.port, settings={"tls": True, "ca": str(certificates / "ours.pem")}) as house:
        assert house.until(lambda _: house.output.status().startswith("connected"))


@pytest.mark.parametrize(
    ("name", "ca", "why"),
    [
        ("broker", "theirs", "certificate verify failed|certificate refused: unable to get local issuer"),
        ("broker", None, "certificate refused: unable to get local issuer|self.signed certificate in"),
        ("elsewhere", "ours", "certificate refused: .*mismatch"),
    ],
    ids=["another authority", "the system's authorities", "another name"],
)
def test_a_wrong_certificate_is_refused_and_told(
    tmp_path: Path,
    secured: Broker,
    certificates: Path,
    caplog: pytest.LogCaptureFixture,
    name: str,
    ca: str | None,
    why: str,
) -> None:
    serve(secured, certificates, name)
    given = {"ca": str(certificates / f"{ca}.pem")} if ca else {}
    with House(tmp_path / "house", secured.port, settings={"tls": True, **given}) as house:
        assert house.until(lambda _: "certificate" in house.output.status())
    [line] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "certificate refused" in line
    assert "check mqtt.ca and the name in mqtt.host" in line


def test_once_the_certificate_is_right_the_truth_is_told(tmp_path: Path, secured: Broker, certificates: Path) -> None:
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
    with House(tmp_path / "house", secured.port, settings={"tls": True, "ca": ca}) as house:
        assert house.until(lambda _: "certificate" in house.output.status())
        start("broker")
        listener = Listener(plain)
        assert house.settled(listener, BACK_S)
        listener.close()


def test_a_broker_may_ask_for_a_certificate(tmp_path: Path, secured: Broker, certificates: Path) -> None:
    serve(secured, certificates, "broker", "require_certificate true\n")
    ca = {"ca": str(certificates / "ours.pem")}
    with House(tmp_path / "without", secured.port, settings={"tls": True, **ca}) as house:
        assert house.until(
            lambda _: "not connected" in house.output.status() and "connecting" not in house.output.status()
        )
    own = {"cert": str(certificates / "device.pem"), "key": str(certificates / "device.key")}
    with House(tmp_path / "with", secured.port, settings={"tls": True, **ca, **own}) as house:
        assert house.until(lambda _: house.output.status().startswith("connected"))


def test_tls_to_a_plain_port_names_the_port(tmp_path: Path, broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    with House(tmp_path / "house", broker.port, settings={"tls": True}) as house:
        assert house.until(lambda _: "connecting" not in house.output.status())
        assert house.until(lambda _: "mqtt.port" in caplog.text), house.output.status()


def test_all_states_go_through_tls(tmp_path: Path, secured: Broker, certificates: Path) -> None:
    plain = free_port()
    serve(secured, certificates, "broker", f"listener {plain} 127.0.0.1\n")
    while not listening(plain):
        continue
    listener = Listener(plain)
    with House(tmp_path / "house", secured.port, settings={"tls": True, "ca": str(certificates / "ours.pem")}) as house:
        assert house.settled(listener)
        for number in range(60):  # many at once: more than one record may be read at a time
            listener.send("musicond/den/sensitivity/set", str(number), qos=0)
            listener.send("musicond/den/like/set", qos=1)
        assert house.until(lambda _: house.likes() == 60)
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

    def found(port: int, **more: object) -> tuple[str, str]:
        check = check_broker(Mqtt.model_validate({"host": "127.0.0.1", "port": port, **more}), None)
        return check.state, check.found

    assert found(secured.port, tls=True, ca=str(certificates / "ours.pem"))[0] == "ok"
    state, text = found(secured.port, tls=True)
    assert (state, "certificate" in text) == ("failed", True)
    assert found(secured.port, tls=True, ca=str(tmp_path / "none.pem"))[0] == "failed"
    assert found(broker.port, tls=True)[0] == "failed"
    with Relay(broker.port) as old:
        old.refuse_5 = REFUSED
        state, text = found(old.port)
        assert (state, "goes on with 3.1.1" in text) == ("ok", True)
        assert found(old.port, protocol="3.1.1")[0] == "ok"
