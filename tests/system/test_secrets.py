"""Planted secrets: none is in the log, the list of processes, on the broker, on the page or in the output of a crash."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from musicond.music_assistant.auth import ServerToken, ServerTokenFile
from musicond.spotify.token_file import Grant, TokenFile
from tests.mqtt.conftest import Broker, Listener
from tests.spotify.fake_spotify import CLIENT_ID, SCOPES
from tests.system.daemon import Daemon

if TYPE_CHECKING:
    from collections.abc import Iterator

BROKER, MPD, SPOTIFY, ASSISTANT = SECRETS = tuple(
    f"planted-secret-of-{name}" for name in ("broker", "mpd", "spotify", "assistant")
)
CONFIG = f"""\
device: {{node: den}}
mqtt: {{host: 127.0.0.1, port: PORT, username: den, password_file: broker}}
playback: {{backend: BACKEND}}
mpd: {{port: 9, password_file: mpd}}
music_assistant: {{url: 'http://127.0.0.1:9', player: Kitchen}}
spotify: {{client_id: {CLIENT_ID}}}
"""
CRASH = """
import faulthandler, sys
faulthandler.enable()
from musicond.cli import main
sys.exit(main(sys.argv[1:]))
"""


class CrashingDaemon(Daemon):
    """Prints the stacks of all threads where it is killed by SIGABRT."""

    def program(self) -> list[str]:
        return [*super().program()[:1], "-c", CRASH]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    running = Broker(tmp_path).start()
    yield running
    running.stop()


@pytest.mark.broker
@pytest.mark.parametrize("backend", ["mpd", "music-assistant"])
def test_no_secret_is_shown(tmp_path: Path, broker: Broker, backend: str) -> None:
    for name, secret in (("broker", BROKER), ("mpd", MPD)):
        (tmp_path / name).write_text(f"{secret}\n")
        (tmp_path / name).chmod(0o666)
    (tmp_path / "state").mkdir(mode=0o700)
    now = datetime.now(UTC).isoformat()
    TokenFile(tmp_path / "state" / "spotify.json").save(Grant(SPOTIFY, now, " ".join(SCOPES), CLIENT_ID, "Ann"))
    file = ServerTokenFile(tmp_path / "state" / "music-assistant.json")
    file.save(ServerToken(ASSISTANT, "http://127.0.0.1:9", "Ann", now))
    listener = Listener(broker.port)
    config = CONFIG.replace("PORT", str(broker.port)).replace("BACKEND", backend)
    try:
        with CrashingDaemon(tmp_path, "--source", "demo", config=config) as daemon:
            daemon.ready()
            assert listener.wait_for("musicond/den/availability", "online", 30)
            daemon.wait_state(lambda state: state["playback"]["trouble"] is not None, 60)
            commands = [daemon.command(*words.split()) for words in ("config", "doctor --all", "status --json")]
            shown = [text for command in commands for text in (command.stdout, command.stderr)]
            shown += [daemon.get(path)[1].decode() for path in ("/api/v1/state", "/api/v1/log", "/metrics", "/healthz")]
            shown.append(Path(f"/proc/{daemon.process.pid}/cmdline").read_text("utf-8"))
            assert f"{tmp_path / 'broker'} can be changed by other users; run: chmod go-w" in "\n".join(daemon.lines)
            os.kill(daemon.process.pid, signal.SIGABRT)
            # faulthandler reads the stacks of running threads, and may itself fail at one of them.
            assert daemon.process.wait(30) in (-signal.SIGABRT, -signal.SIGSEGV)
            assert daemon.until(lambda: any("Fatal Python error: Aborted" in line for line in daemon.lines), 10)
            shown += daemon.lines
    finally:
        listener.close()
    shown += [f"{topic} {text}" for topic, text, _ in listener.messages]
    assert len(listener.messages) > 20
    for secret in SECRETS:
        assert not [text for text in shown if secret in text], secret
