"""Each check of the doctor, passing and failing, on real files, sockets and brokers."""

from __future__ import annotations

import json
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from musicond.commands import checks
from musicond.commands.broker_check import check_broker
from musicond.commands.doctor import page_checks
from musicond.commands.machine_checks import check_power
from musicond.config.paths import models_dir
from musicond.config.schema import Mqtt
from tests.mqtt.relay import REFUSED, Relay

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

MODEL = models_dir() / "fer_int8.tflite"
CASCADE = models_dir() / "haarcascade_frontalface_default.xml"


def hide(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """Make the import of these packages and of all their modules fail, as on a machine that lacks them."""
    for name in [*packages, *sys.modules]:
        if name.split(".")[0] in packages:
            monkeypatch.setitem(sys.modules, name, None)


def replace(monkeypatch: pytest.MonkeyPatch, name: str, **attributes: object) -> None:
    """Let the import of a module give one with these attributes."""
    monkeypatch.setitem(sys.modules, name, cast("ModuleType", SimpleNamespace(**attributes)))


def test_python() -> None:
    assert checks.check_python((3, 11, 2), "aarch64", 64).state == "ok"
    assert checks.check_python((3, 13, 5), "x86_64", 64).state == "ok"
    assert checks.check_python((3, 9, 2), "aarch64", 64).state == "failed"
    assert checks.check_python((3, 11, 2), "armv6l", 32).state == "failed"
    assert checks.check_python((3, 11, 2), "armv7l", 32).state == "warning"
    assert checks.check_python((3, 15, 0), "aarch64", 64).state == "warning"


@pytest.mark.parametrize("package", checks.PACKAGES, ids=lambda package: package.name)
def test_packages(package: checks.Package, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.check_package(package).state == "ok"
    hide(monkeypatch, package.module.split(".")[0])
    missing = checks.check_package(package)
    assert missing.state == ("ok" if package.optional else "failed")
    assert missing.remedy


def test_an_opencv_without_haar_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    [opencv] = [package for package in checks.PACKAGES if package.name == "OpenCV"]
    replace(monkeypatch, "cv2", __version__="5.0.0")
    check = checks.check_package(opencv)
    assert check.state == "failed"
    assert "opencv-python-headless<5" in check.remedy


def test_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.check_runtime().state == "ok"
    hide(monkeypatch, "tflite_runtime", "ai_edge_litert")
    check = checks.check_runtime()
    assert check.state == "failed"
    assert "pip install" in check.remedy


def test_a_numpy_that_crashes_tflite_runtime_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    replace(monkeypatch, "numpy", __version__="2.1.0")
    replace(monkeypatch, "tflite_runtime")
    check = checks.check_runtime()
    assert check.state == "failed"
    assert "crashes with numpy 2.1.0" in check.found
    assert "numpy<2" in check.remedy
    hide(monkeypatch, "tflite_runtime")
    replace(monkeypatch, "ai_edge_litert")
    replace(monkeypatch, "ai_edge_litert.interpreter")
    assert checks.check_runtime().state == "ok"


def test_model(tmp_path: Path) -> None:
    assert checks.check_model(MODEL, CASCADE).state == "ok"
    assert checks.check_model(tmp_path / "none.tflite", CASCADE).state == "failed"
    assert checks.check_model(MODEL, tmp_path / "none.xml").state == "failed"
    for suffix in (".tflite", ".json"):
        shutil.copy(MODEL.with_suffix(suffix), tmp_path / f"m{suffix}")
    (tmp_path / "m.tflite").write_bytes(b"TFL3")
    assert checks.check_model(tmp_path / "m.tflite", CASCADE).state == "failed"


def test_catalogue(tmp_path: Path) -> None:
    assert checks.check_catalogue(tmp_path / "none.sqlite").state == "ok"
    (tmp_path / "bad.sqlite").write_bytes(b"not a database" * 200)
    bad = checks.check_catalogue(tmp_path / "bad.sqlite")
    assert bad.state == "failed"
    assert "move" in bad.remedy


@pytest.mark.broker
def test_broker(tmp_path: Path) -> None:
    from tests.mqtt.conftest import Broker  # noqa: PLC0415 - the class, beside the fixtures

    assert check_broker(Mqtt(), None).state == "ok"
    broker = Broker(tmp_path)
    settings = Mqtt(host="127.0.0.1", port=broker.port)
    assert check_broker(settings, None).state == "failed"
    broker.start()
    try:
        assert check_broker(settings, None).state == "ok"
        broker.stop()
        broker.config = f"listener {broker.port} 127.0.0.1\nallow_anonymous false\n"
        broker.start()
        refused = check_broker(settings, None)
    finally:
        broker.stop()
    assert refused.state == "failed"
    assert "password" in refused.remedy


ACLS = {
    "all": ("topic readwrite musicond/den/#\ntopic readwrite homeassistant/#\n", ()),
    "no states": ("topic readwrite homeassistant/#\n", ("musicond/den/doctor ", "musicond/den/doctor/set")),
    "no discovery": ("topic readwrite musicond/#\n", ("homeassistant/device/den/doctor",)),
    "no reading": ("topic write #\n", ("doctor/set does not come back", "device/den/doctor does not come back")),
}


@pytest.mark.broker
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize("case", ACLS)
def test_a_message_there_and_back_shows_the_missing_right(tmp_path: Path, case: str, protocol: str) -> None:
    from tests.mqtt.conftest import Broker  # noqa: PLC0415 - the class, beside the fixtures

    acl, texts = ACLS[case]
    (tmp_path / "acl").write_text(acl)
    (tmp_path / "acl").chmod(0o600)
    broker = Broker(tmp_path)
    broker.config += f"acl_file {tmp_path}/acl\n"
    broker.start()
    try:
        settings = Mqtt.model_validate({"host": "127.0.0.1", "port": broker.port, "protocol": protocol})
        check = check_broker(settings, None, "den")
    finally:
        broker.stop()
    assert check.state == ("failed" if texts else "ok"), check
    assert all(text in check.found for text in texts), check
    assert not texts or "docs/mqtt.md" in check.remedy


@pytest.mark.broker
@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("max_qos 0", "takes no QoS 1"),
        ("retain_available false", "retains nothing"),
        ("max_packet_size 6000", "takes packets of at most 6000 bytes, but all entities take 1"),
    ],
)
def test_a_limited_broker_is_a_warning(tmp_path: Path, line: str, text: str) -> None:
    from tests.mqtt.conftest import Broker  # noqa: PLC0415 - the class, beside the fixtures

    broker = Broker(tmp_path)
    broker.config += f"{line}\n"
    broker.start()
    try:
        check = check_broker(Mqtt(host="127.0.0.1", port=broker.port), None, "den")
    finally:
        broker.stop()
    assert check.state == "warning"
    assert text in check.found


@pytest.mark.broker
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_broker_that_hangs_up_on_a_message_is_named_with_the_topic(tmp_path: Path, protocol: str) -> None:
    from tests.mqtt.conftest import Broker  # noqa: PLC0415 - the class, beside the fixtures

    broker = Broker(tmp_path).start()
    try:
        with Relay(broker.port) as relay:
            relay.hang_up_on = b"den/doctor/set"
            settings = Mqtt.model_validate({"host": "127.0.0.1", "port": relay.port, "protocol": protocol})
            check = check_broker(settings, None, "den")
    finally:
        broker.stop()
    assert check.state == "failed"
    assert "does not answer a message to musicond/den/doctor/set, or hangs up" in check.found
    assert "docs/mqtt.md" in check.remedy


@pytest.mark.broker
@pytest.mark.parametrize("answer", [REFUSED, b""], ids=["refused", "hung up"])
def test_a_broker_without_mqtt_5_is_checked_with_3_1_1(tmp_path: Path, answer: bytes) -> None:
    from tests.mqtt.conftest import Broker  # noqa: PLC0415 - the class, beside the fixtures

    broker = Broker(tmp_path)
    (tmp_path / "acl").write_text("topic readwrite homeassistant/#\n")
    (tmp_path / "acl").chmod(0o600)
    broker.config += f"acl_file {tmp_path}/acl\n"
    broker.start()
    try:
        with Relay(broker.port) as relay:
            relay.refuse_5 = answer
            settings = Mqtt(host="127.0.0.1", port=relay.port)
            rights = check_broker(settings, None, "den")
            broker.stop()
            broker.config = f"listener {broker.port} 127.0.0.1\nallow_anonymous false\n"
            broker.start()
            password = check_broker(settings, None, "den")
    finally:
        broker.stop()
    assert (rights.state, "musicond/den/doctor does not come back" in rights.found) == ("failed", True), rights
    assert (password.state, "password" in password.remedy) == ("failed", True), password


def test_a_port_that_is_no_broker_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        silent = check_broker(Mqtt(host="127.0.0.1", port=server.getsockname()[1]), None, timeout_s=0.3)
    assert silent.state == "failed"
    assert "does not answer as an MQTT broker" in silent.found


def test_a_port_held_by_our_own_page_is_ok(tmp_path: Path) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

        def address_string(self) -> str:
            return "unix"

    control = tmp_path / "control.sock"
    with (
        socket.create_server(("127.0.0.1", 0)) as page,
        socketserver.ThreadingUnixStreamServer(str(control), Handler) as daemon,
    ):
        threading.Thread(target=daemon.serve_forever, daemon=True).start()
        check = checks.check_page(page.getsockname()[:2], control)
        daemon.shutdown()
    assert check.state == "ok"
    assert "held by the running musicond" in check.found


def test_page(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        check = checks.check_page(server.getsockname()[:2], tmp_path / "control.sock")
    assert check.state == "failed"
    assert "ss -ltnp" in check.remedy
    assert checks.check_page(("127.0.0.1", 0), tmp_path / "control.sock").state == "ok"


def test_state_dir(tmp_path: Path) -> None:
    assert checks.check_state_dir(tmp_path).state == "ok"
    assert checks.check_state_dir(tmp_path / "new").state == "ok"
    (tmp_path / "file").touch()
    assert checks.check_state_dir(tmp_path / "file").state == "failed"
    assert checks.check_state_dir(tmp_path / "file" / "below").state == "failed"


def test_clock(tmp_path: Path) -> None:
    now = datetime(2027, 1, 1, tzinfo=UTC)
    assert checks.check_clock(now, tmp_path / "none", lambda: True).state == "ok"
    assert checks.check_clock(now, tmp_path, lambda: False).state == "ok"
    assert checks.check_clock(now, tmp_path / "none", lambda: False).state == "warning"
    untold = checks.check_clock(now, tmp_path / "none", lambda: None)
    assert (untold.state, "does not say" in untold.found) == ("ok", True)
    assert checks.check_clock(datetime(1970, 1, 1, tzinfo=UTC), tmp_path, lambda: True).state == "failed"


def test_temperature_and_power(tmp_path: Path) -> None:
    assert checks.check_temperature(tmp_path).state == "ok"
    zone = tmp_path / "thermal_zone0"
    zone.mkdir()
    for millidegrees, state in ((45000, "ok"), (72000, "warning"), (84000, "failed")):
        (zone / "temp").write_text(str(millidegrees))
        assert checks.check_temperature(tmp_path).state == state
    (tmp_path / "throttled").write_text("50005")
    assert check_power(tmp_path / "throttled").state == "failed"
    (tmp_path / "throttled").write_text("0")
    assert check_power(tmp_path / "throttled").state == "ok"


def test_the_command_prints_each_check_and_fails_where_one_does(tmp_path: Path) -> None:
    def doctor(config: str) -> tuple[int, list[dict[str, str]]]:
        (tmp_path / "c.yaml").write_text(config)
        command = [sys.executable, "-m", "musicond", "doctor", "--json", "--config", str(tmp_path / "c.yaml")]
        out = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert out.stderr == ""
        return out.returncode, json.loads(out.stdout)

    base = f"camera: {{source: demo}}\nweb: {{listen: '127.0.0.1:0'}}\nstate_dir: {tmp_path / 'state'}\n"
    code, results = doctor(base)
    assert code == 0, results
    names = {check["name"] for check in results}
    assert {"Python", "numpy", "TFLite", "camera", "model", "catalogue", "broker", "page", "state", "clock"} <= names
    code, results = doctor(base + "model: {path: none.tflite}\n")
    assert code == 69
    assert [check["name"] for check in results if check["state"] == "failed"] == ["model"]
    _, results = doctor(base + "playback: {backend: music-assistant}\n")
    [player] = [check for check in results if check["name"] == "player"]
    assert "no Music Assistant server is known" in player["found"]


@pytest.mark.parametrize(
    ("state", "trouble", "expected"),
    [
        ("playing", None, ("ok", "mpd on Kitchen", "")),
        ("stopped", "the sign-in ends soon", ("warning", "mpd on Kitchen", "the sign-in ends soon")),
        ("unavailable", "refused", ("failed", "mpd can't be used now: refused", "see docs/players.md")),
        ("unavailable", None, ("warning", "mpd: not connected yet", "run this again in a minute")),
    ],
)
def test_the_player_of_a_running_daemon(state: str, trouble: str | None, expected: tuple[str, str, str]) -> None:
    check = checks.check_open_player({"backend": "mpd", "device": "Kitchen", "state": state, "trouble": trouble})
    assert (check.name, check.state, check.found, check.remedy) == ("player", *expected)


def test_a_doctor_without_pydantic_says_so() -> None:
    code = "import sys; sys.modules['pydantic'] = None; from musicond.cli import main; sys.exit(main(['doctor', '--json']))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert out.stderr == ""
    assert out.returncode == 69
    ill = {check["name"]: check for check in json.loads(out.stdout) if check["state"] == "failed"}
    assert "pip install 'pydantic" in ill["pydantic"]["remedy"]
    assert "config" in ill


def test_the_page_of_a_daemon_on_its_demo_misses_no_camera(tmp_path: Path) -> None:
    config = tmp_path / "musicon.yaml"
    config.write_text(f"state_dir: {tmp_path / 'state'}\n")
    found = {check["name"]: check["found"] for check in page_checks(config, "demo")}
    assert found["camera"] == "none of this machine is needed"
