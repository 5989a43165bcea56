"""The daemon that is set up on the page: it restarts, and the command line shows and forgets it."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

from musicond.web.client import ControlClient
from tests.mqtt.conftest import broker  # noqa: F401 - fixtures are found by their names
from tests.system.daemon import Daemon

if TYPE_CHECKING:
    from pathlib import Path

    from tests.mqtt.conftest import Broker


def starts(daemon: Daemon) -> int:
    return sum("the page is" in line for line in daemon.lines)


def changes(daemon: Daemon) -> list[str]:
    """Return the first lines of what systemd was notified of, but for the status and the watchdog."""
    return [text.partition("\n")[0] for _, text in daemon.notifications if not text.startswith(("STATUS", "WATCH"))]


def test_it_starts_again_in_the_same_process_and_the_command_line_shows_and_forgets_it(tmp_path: Path) -> None:
    with Daemon(tmp_path, "--source", "demo", config="device: {name: File}\n", watchdog_s=60) as daemon:
        daemon.ready()
        client = ControlClient(tmp_path / "run" / "control.sock")
        assert client.run_action("setup", "change", {"values": {"device.name": "Den", "web.language": "de"}}) == {
            "restarts": True
        }
        assert daemon.until(lambda: starts(daemon) == 2), "\n".join(daemon.lines)
        health = client.state()["health"]
        assert (health["name"], health["language"]) == ("Den", "de")
        assert daemon.process.poll() is None, "it is the same process"
        assert daemon.until(lambda: changes(daemon) == ["READY=1", "RELOADING=1", "READY=1"]), changes(daemon)
        shown = daemon.command("config").stdout
        assert "name: Den" in shown
        assert "language: de" in shown
        assert "# set on the page" in shown
        answer = daemon.command("settings", "reset", "device.name")
        assert answer.stdout == "reset: device.name; musicond starts again with it\n", answer.stderr
        assert daemon.until(lambda: starts(daemon) == 3), "\n".join(daemon.lines)
        assert client.state()["health"]["name"] == "File"
        assert client.run_action("setup", "change", {"values": {"music.quiet_hours": "22:00-07:00"}}) == {
            "restarts": False
        }
        assert daemon.until(lambda: any("taken over: music.quiet_hours" in line for line in daemon.lines))
        daemon.process.terminate()
        assert daemon.process.wait(20) == 0
        assert not [line for line in daemon.lines if "Traceback" in line]
    done = daemon.command("settings", "reset")
    assert done.stdout.splitlines()[-1] == "reset: everything that was set on the page; musicond will start with it"
    assert "set on the page" not in daemon.command("config").stdout


def test_a_real_broker_refuses_the_wrong_password_and_takes_the_right_one(
    tmp_path: Path,
    broker: Broker,  # noqa: F811 - the fixture
) -> None:
    passwords = tmp_path / "passwords"
    program = shutil.which("mosquitto_passwd") or "/usr/bin/mosquitto_passwd"
    subprocess.run([program, "-c", "-b", str(passwords), "me", "right"], check=True, capture_output=True)
    broker.stop()
    broker.config = broker.config.replace("allow_anonymous true", f"allow_anonymous false\npassword_file {passwords}")
    broker.start()
    with Daemon(tmp_path, "--source", "demo") as daemon:
        daemon.ready()
        client = ControlClient(tmp_path / "run" / "control.sock")
        values = {"mqtt.host": "127.0.0.1", "mqtt.port": broker.port, "mqtt.username": "me", "mqtt.password": "wrong"}
        refused = client.run_action("setup", "check-broker", {"values": values})
        assert refused["state"] == "failed"
        assert "ot authori" in refused["found"]
        values["mqtt.password"] = "right"
        assert client.run_action("setup", "check-broker", {"values": values})["state"] == "ok"
        assert client.run_action("setup", "change", {"values": values})["restarts"]
        assert daemon.until(lambda: any("connected to the broker" in line for line in daemon.lines))
        assert "right" not in json.dumps(client.run_action("setup", "values")) + "\n".join(daemon.lines)
