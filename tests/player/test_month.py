"""A simulated month of a household with autoplay, for each real backend with its player; it is a day in the short form.

The persons act at the player and through musicond. Nobody is annoyed: nothing of ours starts into somebody's music or
over what waits there, in an empty or paused room, in quiet hours, at a speaker that is off or in a group, more than once
in a cool-down, or while a person wants silence. Nobody's music or volume is touched, our volume stays below its ceiling,
our music ends when nobody listens, and what we changed at the player is put back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from musicond.core.commands import Play
from tests.figures import FULL, SEED, record
from tests.player.household import RULES, Household
from tests.player.speakers import OURS, running_speaker

if TYPE_CHECKING:
    from pathlib import Path

DAYS = 30 if FULL else 1
LONG = pytest.mark.skipif(not FULL, reason="a matter of simulated days: MUSICOND_FAULTS=full")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["mpd", "spotify", "music-assistant"])
def test_a_month_annoys_nobody(backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_speaker(backend, tmp_path, monkeypatch) as speaker:
        home = Household(speaker, SEED, tmp_path)
        home.live(DAYS)
        record(f"{DAYS} days with {backend}", **home.counts)
        home.undo()
        home.recommend()
        home.order_by(Play("x"))  # on a single day a person may have started nothing
        home.pass_time(30)
        assert min(home.counts["starts_by_mood"], home.counts["starts_by_person"]) >= DAYS, home.counts
        speaker.person_acts("another queue")
        home.pass_time(300)
        assert speaker.repeat == home.repeat, "what we changed is put back"
        home.player._backend.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wrong", "promise"),
    [
        ({"cool_down_s": 0.0}, "the cool-down|has just ended"),
        pytest.param({"away_s": 1e9}, "plays for nobody", marks=LONG),
        pytest.param({"silence_s": 0.0}, "a person wants silence", marks=LONG),
        pytest.param({"volume_max": 100}, "louder than permitted", marks=LONG),
        pytest.param({"quiet_hours": None}, "quiet hours", marks=LONG),
    ],
)
def test_a_planted_bug_annoys_somebody(
    wrong: dict[str, Any], promise: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_speaker("mpd", tmp_path, monkeypatch) as speaker:
        home = Household(speaker, 42, tmp_path, replace(RULES, **wrong))
        speaker.clock.at = 16 * 3600
        with pytest.raises(AssertionError, match=promise):
            home.live(7)


def test_a_mode_is_put_back_once_the_speaker_is_there_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_speaker("spotify", tmp_path, monkeypatch) as speaker:
        home = Household(speaker, SEED, tmp_path)
        speaker.clock.at, speaker.repeat, home.present = 12 * 3600.0, "context", True
        home.recommend()
        home.pass_time(60)
        assert (speaker.loaded().whose, speaker.repeat) == (OURS, "off")
        speaker.person_acts("off")
        home.pass_time(120)
        assert speaker.repeat == "off"
        speaker.repair()
        home.pass_time(60)
        assert speaker.repeat == "context"
        home.player._backend.close()
