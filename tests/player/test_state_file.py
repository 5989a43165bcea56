"""The file that keeps over restarts what the player has started."""

from __future__ import annotations

import json
import logging
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from musicond.player.state_file import FILE_NAME, OLD_S, PersistedState, PlayerStateFile
from musicond.runtime.clock import Timestamp, now
from musicond.runtime.json_file import JsonFile

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
FIRST = Timestamp("first", 1000.0, NOON)
FOUND = PersistedState(("t:1", "t:2"), 990.0, 8000.0)


def memory(folder: Path, now: Timestamp = FIRST, speaker: str = "spotify Kitchen") -> PlayerStateFile:
    return PlayerStateFile(JsonFile(folder / FILE_NAME), speaker, lambda: now)


def on(boot: str, at: float, **passed: float) -> Timestamp:
    return Timestamp(boot, at, NOON + timedelta(**passed))


def test_it_is_for_its_owner_alone_and_gone_when_there_is_nothing_to_keep(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    made = memory(tmp_path)
    assert made.load() == PersistedState()
    made.save(PersistedState())
    assert not file.exists()
    made.save(FOUND)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.stat().st_ino
    made.save(replace(FOUND))
    assert file.stat().st_ino == before, "written only when it has changed"
    made.save(replace(FOUND, ours=("t:3",)))
    assert "t:1" not in file.read_text(), "no diary"
    made.save(PersistedState())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("jump", [timedelta(), timedelta(days=-400), timedelta(days=400)])
def test_within_one_start_of_the_machine_the_wall_clock_may_jump(tmp_path: Path, jump: timedelta) -> None:
    memory(tmp_path).save(FOUND)
    later = memory(tmp_path, Timestamp("first", 1300.0, NOON + jump))
    assert later.load() == FOUND
    before = (tmp_path / FILE_NAME).stat().st_ino
    later.save(FOUND)
    assert (tmp_path / FILE_NAME).stat().st_ino == before


def test_after_a_reboot_the_wall_clock_tells_and_a_wrong_one_shortens_no_silence(tmp_path: Path) -> None:
    memory(tmp_path).save(FOUND)
    found = memory(tmp_path, on("second", 20.0, minutes=10)).load()
    assert found == PersistedState(FOUND.ours, 20.0 - 600 - 10, 20.0 - 600 + 7000)
    unset = memory(tmp_path, on("second", 20.0, days=-300)).load()
    assert unset.silent_until == 20.0 + 7000
    assert memory(tmp_path, on("", 20.0, minutes=10)).load() == found


@pytest.mark.parametrize(
    ("now", "speaker"),
    [
        (on("second", 20.0, seconds=OLD_S + 1), "spotify Kitchen"),
        (Timestamp("first", 1000.0 + OLD_S + 1, NOON), "spotify Kitchen"),
        (Timestamp("first", 1010.0, NOON), "spotify Bedroom"),
    ],
)
def test_what_is_old_or_was_started_elsewhere_is_not_ours(tmp_path: Path, now: Timestamp, speaker: str) -> None:
    memory(tmp_path).save(FOUND)
    made = memory(tmp_path, now, speaker)
    found = made.load()
    assert (found.ours, found.begun_at) == ((), None)
    made.save(PersistedState())
    assert not (tmp_path / FILE_NAME).exists()


@pytest.mark.parametrize(
    "change",
    [
        {"ours": "t:1"},
        {"ours": "[1]"},
        {"begun_at": "x"},
        {"silent_until": True},
        {"at": float("inf")},
        {"wall": "yesterday"},
        {"wall": "2026-11-23T12:00:00"},
        {"boot": None, "at": None},
    ],
)
def test_a_file_that_makes_no_sense_is_nothing_and_the_next_one_is_written(
    tmp_path: Path, change: dict[str, object]
) -> None:
    memory(tmp_path).save(FOUND)
    file = tmp_path / FILE_NAME
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    made = memory(tmp_path, on("second", 20.0, minutes=10))
    assert made.load() == PersistedState()
    made.save(FOUND)
    assert memory(tmp_path, on("second", 20.0, minutes=10)).load() == FOUND
    file.write_text("{")
    assert memory(tmp_path).load() == PersistedState()


def test_a_silence_is_never_longer_than_one_may_be(tmp_path: Path) -> None:
    memory(tmp_path).save(replace(FOUND, silent_until=1e12))
    assert memory(tmp_path).load().silent_until == 1000.0 + OLD_S


def test_a_folder_that_can_not_be_written_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = memory(tmp_path / "missing")
    with caplog.at_level(logging.WARNING):
        made.save(FOUND)
        made.save(FOUND)
    assert len(caplog.records) == 1
    assert "t:1" not in caplog.text


def test_moments_of_this_machine_tell_their_distance() -> None:
    first, second = now(), now()
    assert first.boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert 0 <= second.after_s(first) < 60
    assert first.after_s(second) == 0.0
