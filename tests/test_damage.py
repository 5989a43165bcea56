"""Random damages of each state file: the camera stays closed, nothing raises, and what can be read is kept."""

from __future__ import annotations

import json
import random
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from musicond.config.loader import load as load_config
from musicond.config.overrides import FILE_NAME as OVERRIDES
from musicond.config.overrides import Overrides
from musicond.config.user_settings import (
    BOOT,
    close_after_boot,
    from_json,
    load_settings,
    read_settings,
    start_without_consent,
    to_json,
)
from musicond.core.models import Emotion, Policy
from musicond.core.mood.bias import Bias
from musicond.core.schedule import Schedule
from musicond.core.settings import Settings, bounded, expired
from musicond.history import Days, HistoryBook
from musicond.library.maintenance import LibraryMaintenance
from musicond.library.selection import ListNames, ListSelection
from musicond.mqtt.published import PublishedTopics
from musicond.music_assistant.auth import ServerToken, ServerTokenFile
from musicond.player.events import PlayerState
from musicond.player.state_file import PlayerStateFile
from musicond.runtime.json_file import DamagedFileError, JsonFile
from musicond.runtime.restart import RestartGuard
from musicond.spotify.token_file import Grant, TokenFile
from musicond.web.links import PageLinks, cookie_of
from tests.figures import FULL, SEED, record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from musicond.config.schema import Config

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
    """Return whether a file has what was saved, but for blanks, and the checksum of the whole that proves it."""
    saved = json.loads(content)
    whole = saved | {"checksum": str(saved.get("checksum"))[:16]}  # without those of each value
    try:
        return json.loads(path.read_bytes()) in (saved, whole)
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
        assert not checksum or settings.bias in (SETTINGS.bias, Bias())
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


def test_lost_settings_are_private_and_those_that_never_were_are_not(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    assert not load_settings(JsonFile(file)).private, "a first start, or one after an earlier version"
    assert file.exists()
    file.unlink()
    assert read_settings(tmp_path).private
    assert not file.exists(), "a command changes nothing"
    assert load_settings(JsonFile(file)).private
    assert load_settings(JsonFile(file)).private, "it is on the disk again"
    JsonFile(file).save(to_json(Settings()))
    assert not load_settings(JsonFile(file)).private, "a person has opened the camera"
    file.unlink()
    start_without_consent(tmp_path, "catalogue.sqlite")
    assert load_settings(JsonFile(file)).private


def test_no_damage_of_what_plays_makes_other_music_ours(tmp_path: Path) -> None:
    file, ours = JsonFile(tmp_path / "playback.json"), ("a", "b")
    PlayerStateFile(file, "mpd").save(PlayerState(owned_ids=ours, suppressed_until=1e9))
    kept = 0

    def load() -> PlayerState:
        nonlocal kept
        state = PlayerStateFile(file, "mpd").load()
        kept += state.owned_ids == ours
        assert state.owned_ids in (ours, ())
        return replace(state, suppressed_until=None)  # at most a day from now

    assert each_damage(file.path, load) > DAMAGES / 3
    assert kept > DAMAGES / 4, "what could be read is kept"


def test_damage_of_the_chosen_lists_leaves_those_of_other_moods(tmp_path: Path) -> None:
    file, chosen = JsonFile(tmp_path / "lists.json"), {Emotion.SAD: ("starter",), Emotion.HAPPY: ("a", "b")}
    for emotion, names in chosen.items():
        ListSelection(chosen, file).select(emotion, list(names))
    kept = 0

    def load() -> ListNames:
        nonlocal kept
        wanted = ListSelection(dict.fromkeys(chosen, ()), file).wanted()
        kept += sum(map(bool, wanted.values()))
        assert all(names in (chosen[emotion], ()) for emotion, names in wanted.items())
        return wanted

    assert each_damage(file.path, load) > DAMAGES / 3
    assert kept > DAMAGES / 2, "what could be read is kept"


def test_no_damage_of_the_published_topics_clears_others(tmp_path: Path) -> None:
    file, topics = JsonFile(tmp_path / "published.json"), {"old/den/mood", "old/den/state"}
    file.save({"topics": sorted(topics)})

    def load() -> set[str]:
        foreign = PublishedTopics(file, ("new/",)).foreign
        assert foreign in (topics, set())
        return foreign

    assert each_damage(file.path, load) > DAMAGES / 3


def test_no_damage_of_the_last_refresh_raises(tmp_path: Path) -> None:
    file, now = JsonFile(tmp_path / "refresh.json"), datetime(2026, 11, 29, 13, tzinfo=UTC)
    file.save({"refreshed": "2026-11-29T12:00:00+00:00", "done": None, "mark": None})
    maintenance = LibraryMaintenance(tmp_path / "c", {}, Schedule.parse("sun 04:00"), file, now=lambda: now)
    assert each_damage(file.path, maintenance.is_due) > DAMAGES / 3


def test_damage_of_a_month_leaves_its_other_days_as_they_were(tmp_path: Path) -> None:
    book, path = HistoryBook(tmp_path), tmp_path / "2026-11.json"
    book.add({(f"2026-11-{day:02}", "happy"): day / 4 for day in range(1, 31)}, date.min)
    days, checksum, kept = book.days(), path.read_bytes().split(b"\n")[:2], 0

    def load() -> Days:
        nonlocal kept
        vouched = path.exists() and path.read_bytes().split(b"\n")[:2] == checksum
        left = book.days()
        assert set(left) <= set(days)
        assert not vouched or left.items() <= days.items()
        kept += len(left)
        return left

    assert each_damage(path, load) > DAMAGES / 3
    assert kept > DAMAGES * 20, "what could be read is kept"


def test_no_damage_of_what_was_set_on_the_page_allows_what_was_forbidden(tmp_path: Path) -> None:
    config = tmp_path / "musicon.yaml"
    config.write_text("mqtt: {host: file.example}\nweb: {preview: true}\nhistory: {enabled: true}\n")
    loaded, folder, kept = load_config(config), tmp_path / "state", 0
    folder.mkdir()
    own = {"device.name": "Den", "mqtt.host": "own.example", "mqtt.port": 1884, "mqtt.username": "ann"}
    Overrides(folder, lambda: loaded).change({**own, "web.preview": False, "history.enabled": False})

    def load() -> Config:
        nonlocal kept
        config = Overrides(folder, lambda: loaded).effective().config
        assert not config.web.preview
        assert not config.history.enabled
        broker = (config.mqtt.host, config.mqtt.port, config.mqtt.username)
        assert broker in (("own.example", 1884, "ann"), ("file.example", 1883, None)), "the broker's go together"
        kept += config.device.name == "Den"
        return config

    assert each_damage(folder / OVERRIDES, load) > DAMAGES / 3
    assert kept > DAMAGES / 2, "what could be read is kept"


def test_no_damage_of_the_page_links_lets_another_in(tmp_path: Path) -> None:
    file, address, kept = JsonFile(tmp_path / "page-links.json"), "http://den.local:8080/", 0
    urls = [PageLinks(file, address).run_action("add", {"name": name})["url"] for name in ("Ann", "Bob", "Cleo")]
    tokens, saved = [url.partition("=")[2] for url in urls], PageLinks(file, address).run_action("list", {})["links"]

    def load() -> list[str | None]:
        nonlocal kept
        links = PageLinks(file, address)
        assert links.find(cookie_of("another")) is links.find("") is None
        assert all(link in saved for link in links.run_action("list", {})["links"])
        found = [links.find(cookie_of(token)) for token in tokens]
        kept += 3 - found.count(None)
        return found

    assert each_damage(file.path, load) > DAMAGES / 3
    assert kept > DAMAGES, "what could be read is kept"


def test_no_damage_of_the_reason_of_a_restart_raises(tmp_path: Path) -> None:
    guard = RestartGuard(tmp_path, 250)
    guard.save("a turn hangs")
    each_damage(tmp_path / "restart.txt", guard.last_reason)


def test_no_damage_of_the_id_of_the_boot_opens_the_camera(tmp_path: Path) -> None:
    settings, marker, boot = JsonFile(tmp_path / "settings.json"), tmp_path / BOOT, str(UUID(int=7))
    marker.write_text(f"{boot}\n")

    def load() -> None:
        same = marker.exists() and marker.read_text("utf-8", "replace").strip() == boot
        close_after_boot(tmp_path, boot)
        assert same or is_closed(load_settings(settings))
        assert marker.read_text().strip() == boot, "it is written again"

    each_damage(marker, load)


def test_a_refresh_in_the_future_puts_off_no_other(tmp_path: Path) -> None:
    file, now = JsonFile(tmp_path / "refresh.json"), datetime(2026, 11, 30, 13, tzinfo=UTC)
    maintenance = LibraryMaintenance(tmp_path / "c", {}, Schedule.parse("sun 04:00"), file, now=lambda: now)
    file.save({"refreshed": "2026-11-30T12:00:00+00:00"})
    assert not maintenance.is_due()
    file.save({"refreshed": "2040-01-01T12:00:00+00:00"})
    assert maintenance.is_due()


def each_damage_of_a_sign_in(file: TokenFile | ServerTokenFile, token: str) -> int:
    """Load each damaged form of a sign-in: none gives another one."""

    def load() -> None:
        match file.load():
            case Grant(refresh_token=found) | ServerToken(token=found):
                assert found == token

    return each_damage(file.path, load)


def test_no_damage_of_a_sign_in_gives_another_one(tmp_path: Path) -> None:
    spotify, server = TokenFile(tmp_path / "spotify.json"), ServerTokenFile(tmp_path / "music-assistant.json")
    spotify.save(Grant("token", "2026-11-29T12:00:00+00:00", "a b", "id", "Ann"))
    assert each_damage_of_a_sign_in(spotify, "token") > DAMAGES / 3
    server.save(ServerToken("a.long.token", "http://den.local:8095", "Ann", "2026-11-29T12:00:00+00:00"))
    assert each_damage_of_a_sign_in(server, "a.long.token") > DAMAGES / 3
