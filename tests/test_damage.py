"""Random damages of each state file: the camera stays closed, nothing raises, and what can be read is kept."""

from __future__ import annotations

import json
import random
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from musicond.config.user_settings import from_json, load_settings, to_json
from musicond.core.models import Emotion, Policy
from musicond.core.mood.bias import Bias
from musicond.core.schedule import Schedule
from musicond.core.settings import Settings, bounded, expired
from musicond.library.maintenance import LibraryMaintenance
from musicond.library.selection import ListSelection
from musicond.mqtt.published import PublishedTopics
from musicond.player.events import PlayerState
from musicond.player.state_file import PlayerStateFile
from musicond.runtime.json_file import DamagedFileError, JsonFile
from musicond.spotify.token_file import Grant, TokenFile
from tests.figures import FULL, SEED, record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAMAGES = 2000 if FULL else 100
UNTIL = datetime(2099, 1, 1, 6, tzinfo=UTC)
SETTINGS = Settings(
    private=True,
    private_until=UNTIL,
    paused=True,
    paused_until=UNTIL,
    policy=Policy.LIFT,
    volume=30,
    bias=Bias().corrected(5, 4),
)


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Return the content with flipped bits, a cut end, inserted or removed bytes, or a mixture of these."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        place = rng.randrange(len(data)) if data else 0
        match rng.randrange(4):
            case 0 if data:
                data[place] ^= 1 << rng.randrange(8)
            case 1:
                del data[place:]
            case 2:
                data[place:place] = rng.choice((rng.randbytes(3), b'"', b"}", b"0", b" ", data[: rng.randrange(40)]))
            case _:
                del data[place : place + rng.randrange(1, 20)]
    return bytes(data)


def each_damage(path: Path, load: Callable[[], Any], seed: int = SEED) -> int:
    """Load each damaged form of the file; return how many of them were damaged in more than their layout."""
    content, rng, harmful = path.read_bytes(), random.Random(seed), 0
    for _ in range(DAMAGES):
        for file in path.parent.iterdir():
            file.unlink()
        data = damaged(content, rng)
        path.write_bytes(data)
        before = load()
        if path.exists() and data != content:
            copies = [file.read_bytes() for file in path.parent.glob("*.damaged")]
            harmful += bool(copies)
            assert copies in ([], [data]), "the damaged file is kept as it was"
        assert load() == before, "and the next start finds the same"
    record(f"damage of {path.name}", damages=DAMAGES, repaired=harmful)
    return harmful


def is_unchanged(path: Path, content: bytes) -> bool:
    """Return whether a file has what was saved, but for blanks that were added or removed."""
    try:
        return bool(json.loads(path.read_bytes()) == json.loads(content))
    except ValueError:
        return False


def is_closed(settings: Settings) -> bool:
    """Return whether the camera is closed at a start, and still is a week later."""
    wall = datetime.now(UTC)
    at_start = bounded(settings, wall, set_clock=True)
    return all(expired(at_start, wall + timedelta(days=later)).private for later in (0, 7))


def test_damaged_settings_of_an_open_camera_close_it(tmp_path: Path) -> None:
    file = JsonFile(tmp_path / "settings.json")
    file.save(to_json(replace(SETTINGS, private=False, private_until=None)))
    content = file.path.read_bytes()

    def load() -> Settings:
        same = is_unchanged(file.path, content)
        settings = load_settings(JsonFile(file.path))
        assert is_closed(settings) is not same
        return settings

    assert each_damage(file.path, load) > DAMAGES / 3


@pytest.mark.parametrize("checksum", [True, False])
def test_no_damage_of_the_settings_opens_the_camera_at_once_or_later(tmp_path: Path, *, checksum: bool) -> None:
    file = JsonFile(tmp_path / "settings.json")
    file.save(to_json(SETTINGS))
    if not checksum:  # a file of an earlier version
        file.path.write_text(json.dumps(to_json(SETTINGS)))
    content, bias = file.path.read_bytes(), 0

    def load() -> Settings:
        nonlocal bias
        same = checksum and is_unchanged(file.path, content)
        settings = load_settings(JsonFile(file.path))
        assert settings.private
        assert is_closed(settings) is not same
        bias += settings.bias == SETTINGS.bias
        return settings

    assert each_damage(file.path, load) > DAMAGES / 3
    assert bias > DAMAGES / 10, "what could be read is kept"
    assert from_json(file.read()).private, "it is repaired on the disk"


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize("year", ["0001-01-01", "9999-12-31"])
def test_a_time_that_another_zone_lacks_ends_no_start(
    tmp_path: Path, zone: str, year: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    file = JsonFile(tmp_path / "settings.json")
    times = dict.fromkeys(("private_until", "paused_until", "manual_until"), f"{year}T23:59:59")
    file.save({"private": True, "paused": True, "manual_mood": "sad", "volume": 30, **times})
    assert load_settings(file) == Settings(private=True, volume=30)
    monkeypatch.undo()
    time.tzset()


def test_nested_lists_of_any_depth_are_damage(tmp_path: Path) -> None:
    file = JsonFile(tmp_path / "settings.json")
    for depth in (*range(900, 1010), 100_000):
        file.path.write_text(f'{{"private": false, "volume": {"[" * depth}{"]" * depth}}}')
        with suppress(DamagedFileError):
            file.parse()
    assert load_settings(file).private


@pytest.mark.parametrize("text", ["[]", "null", '"private"', '{"private": 0}', '{"private": "no"}', '{"privat": true}'])
def test_settings_of_another_type_are_private(tmp_path: Path, text: str) -> None:
    file = JsonFile(tmp_path / "settings.json")
    file.path.write_text(text)
    for _ in range(2):
        assert load_settings(JsonFile(file.path)).private, "at every start, until a person opens the camera"
    file.save(to_json(Settings()))
    assert not load_settings(JsonFile(file.path)).private


def test_no_damage_of_the_other_state_files_raises(tmp_path: Path) -> None:
    player = JsonFile(tmp_path / "playback.json")
    PlayerStateFile(player, "mpd").save(PlayerState(owned_ids=("a", "b"), suppressed_until=1e9))
    assert each_damage(player.path, lambda: PlayerStateFile(player, "mpd").load().owned_ids) > DAMAGES / 3
    lists = JsonFile(tmp_path / "lists.json")
    ListSelection({Emotion.SAD: ("starter",)}, lists).select(Emotion.SAD, ["starter"])
    assert each_damage(lists.path, lambda: ListSelection({Emotion.SAD: ()}, lists).wanted()) > DAMAGES / 3
    published = JsonFile(tmp_path / "published.json")
    published.save({"topics": ["old/den/mood", "old/den/state"]})
    assert each_damage(published.path, lambda: PublishedTopics(published, ("new/",)).foreign) > DAMAGES / 3
    refresh = JsonFile(tmp_path / "refresh.json")
    refresh.save({"refreshed": "2026-11-29T12:00:00+00:00", "done": None, "mark": None})
    now = datetime(2026, 11, 29, 13, tzinfo=UTC)
    maintenance = LibraryMaintenance(tmp_path / "c", {}, Schedule.parse("sun 04:00"), refresh, now=lambda: now)
    assert each_damage(refresh.path, maintenance.is_due) > DAMAGES / 3


def test_a_refresh_in_the_future_puts_off_no_other(tmp_path: Path) -> None:
    file, now = JsonFile(tmp_path / "refresh.json"), datetime(2026, 11, 30, 13, tzinfo=UTC)
    maintenance = LibraryMaintenance(tmp_path / "c", {}, Schedule.parse("sun 04:00"), file, now=lambda: now)
    file.save({"refreshed": "2026-11-30T12:00:00+00:00"})
    assert not maintenance.is_due()
    file.save({"refreshed": "2040-01-01T12:00:00+00:00"})
    assert maintenance.is_due()


def test_no_damage_of_the_sign_in_gives_another_one(tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "spotify.json")
    grant = Grant("token", "2026-11-29T12:00:00+00:00", "a b", "id", "Ann")
    tokens.save(grant)

    def load() -> None:
        loaded = tokens.load()
        assert loaded is None or loaded.refresh_token == grant.refresh_token

    assert each_damage(tokens.path, load) > DAMAGES / 3
