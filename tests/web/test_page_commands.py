"""The commands of the page: they arrive while another one is in progress, and the page confirms them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from musicond.core.commands import (
    Next,
    OtherSongs,
    Pause,
    Rate,
    Resume,
    SetPrivacy,
    SetVolume,
    Stop,
    Withdraw,
    WrongMood,
)
from musicond.core.models import Emotion, Mood, Verdict
from musicond.core.settings import Settings
from musicond.errors import PlaybackError
from tests.web.browser import PLAYING, SILENT, click, open_player, page, text
from tests.web.conftest import HAPPY, Server
from tests.web.frames import wait_for

if TYPE_CHECKING:
    from musicond.core.outcome import Outcome

__all__ = ["page"]

pytestmark = pytest.mark.browser


def arrive(server: Server, number: int) -> None:
    wait_for(lambda: len(server.commands) == number)


def tap_next_while_held(server: Server, page: Any, taps: int) -> None:
    """Tap Next several times while the daemon answers no command."""
    server.output.accept(replace(HAPPY, seq=2, playback=PLAYING))
    page.wait_for_selector("#bar:not([hidden])")
    server.hold = True
    for _ in range(taps):
        page.click("#next")


def test_privacy_and_pause_go_through_while_another_command_is_under_way(server: Server, page: Any) -> None:
    server.hold = True
    page.click("#others")
    arrive(server, 1)
    page.click("#privacy")
    arrive(server, 2)
    page.click("#pause")
    page.click("[data-minutes='15']")
    arrive(server, 3)
    server.output.accept(replace(HAPPY, seq=2, settings=Settings(paused=True)))
    page.wait_for_selector("#pause-text:text-is('Resume')")
    page.click("#pause")
    arrive(server, 4)
    assert server.commands == [OtherSongs(), SetPrivacy(on=True), Pause(15.0), Resume()]


def test_a_command_that_is_dropped_says_so(server: Server, page: Any) -> None:
    server.hold = True
    page.click("#others")
    arrive(server, 1)
    page.click("[aria-label='I like Sunny Side']")
    page.wait_for_selector("#toast-text:has-text('Not sent: musicond is still busy')")
    assert page.get_attribute("[aria-label='I like Sunny Side']", "aria-pressed") == "false"
    server.hold = False
    server.futures[0].set_result(None)
    page.wait_for_selector("#controls[aria-busy=false]")
    click(server, page, "[aria-label='I like Sunny Side']")
    assert server.commands == [OtherSongs(), Rate(Verdict.LIKE, "t:1")]


def test_next_may_be_tapped_quickly_and_each_tap_counts(server: Server, page: Any) -> None:
    tap_next_while_held(server, page, 7)
    page.wait_for_selector("#toast-text:has-text('Not sent: musicond is still busy')")
    arrive(server, 1)
    server.hold = False
    server.futures[0].set_result(None)
    page.wait_for_selector("#controls[aria-busy=false]")
    assert server.commands == [Next()] * 5, "not more than that"


def test_stop_goes_through_at_once_and_drops_the_taps_that_wait(server: Server, page: Any) -> None:
    tap_next_while_held(server, page, 4)
    arrive(server, 1)
    page.click("#play[data-does=stop]")
    arrive(server, 2)
    page.click("#others")
    page.wait_for_selector("#toast-text:has-text('Not sent: musicond is still busy')")
    server.hold = False
    with page.expect_response("**/api/v1/next"):
        server.futures[0].set_result(None)
    server.futures[1].set_result(None)
    page.wait_for_selector("#controls[aria-busy=false]")
    click(server, page, "#next")
    assert server.commands == [Next(), Stop(), Next()]


def test_taps_that_wait_are_dropped_once_one_of_them_fails(server: Server, page: Any) -> None:
    tap_next_while_held(server, page, 3)
    arrive(server, 1)
    server.hold = False
    server.futures[0].set_exception(PlaybackError("the speaker is switched off"))
    page.wait_for_selector("#controls[aria-busy=false]")
    assert "the speaker is switched off" in page.text_content("#error"), "no further tap has hidden it"
    click(server, page, "#next")
    assert server.commands == [Next()] * 2


def test_a_daemon_that_says_nothing_is_not_waited_for_for_ever(page: Any) -> None:
    page.route("**/api/v1/other_songs", lambda _: None)
    page.click("#others")
    page.wait_for_selector("#controls[aria-busy=true]")
    page.wait_for_selector("#error:has-text('musicond does not answer')", timeout=30_000)
    page.wait_for_selector("#controls[aria-busy=false]")


def test_the_last_volume_arrives_whatever_is_under_way(server: Server, page: Any) -> None:
    server.output.accept(replace(HAPPY, seq=2, playback=SILENT))
    page.wait_for_selector("#bar:not([hidden])")
    open_player(page)
    server.hold = True
    page.click("#others")
    arrive(server, 1)
    page.focus("#volume")
    page.keyboard.press("ArrowRight")
    arrive(server, 2)
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    server.output.accept(replace(HAPPY, seq=3, mood=Mood.SAD, playback=SILENT))
    page.wait_for_selector("#hero[data-mood=sad]")
    assert page.input_value("#volume") == "34", "it stays where the person put it until that is done"
    server.futures[1].set_result(None)
    arrive(server, 3)
    server.futures[2].set_result(None)
    assert server.commands == [OtherSongs(), SetVolume(31.0), SetVolume(34.0)]
    server.output.accept(replace(HAPPY, seq=4, playback=replace(SILENT, volume=34)))
    page.wait_for_selector("#hero[data-mood=happy]")
    server.output.accept(replace(HAPPY, seq=5, playback=replace(SILENT, volume=50)))
    page.wait_for_selector("#volume-value:text-is('50 %')")


def rated(seq: int, verdict: Verdict | None, **changes: Any) -> Outcome:
    """Return an outcome in which the first song has this verdict."""
    assert HAPPY.recommendation is not None
    verdicts = {} if verdict is None else {"t:1": verdict}
    return replace(HAPPY, seq=seq, recommendation=replace(HAPPY.recommendation, verdicts=verdicts), **changes)


def test_a_verdict_is_the_daemon_s_and_can_be_taken_back(server: Server, page: Any) -> None:
    like, dislike = (f"#tracks li:first-child [data-verdict={verdict}]" for verdict in ("like", "dislike"))
    assert page.get_attribute(like, "aria-pressed") == "false"
    click(server, page, like)
    page.wait_for_selector("#toast-text:text-is('Liked: Sunny Side')")
    assert page.get_attribute(like, "aria-pressed") == "false", "until the daemon has it"
    server.output.accept(rated(2, Verdict.LIKE))
    page.wait_for_selector(f"{like}[aria-pressed=true]")
    server.output.accept(rated(3, Verdict.LIKE, playback=PLAYING))
    page.wait_for_selector("[aria-label='Play Sunny Side']")
    assert page.get_attribute(like, "aria-pressed") == "true", "also after the list is drawn again"
    click(server, page, like)
    page.wait_for_selector("#toast-text:text-is('Withdrawn: Sunny Side')")
    page.click(dislike)
    page.wait_for_selector("#toast-text:text-is('Not liked: Sunny Side')")
    server.output.accept(rated(4, Verdict.DISLIKE, playback=PLAYING))
    page.wait_for_selector(f"{dislike}[aria-pressed=true]")
    assert page.get_attribute(like, "aria-pressed") == "false"
    click(server, page, "#toast-undo")
    assert server.commands == [
        Rate(Verdict.LIKE, "t:1"),
        Withdraw("t:1"),
        Rate(Verdict.DISLIKE, "t:1"),
        Withdraw("t:1"),
    ]


def test_a_correction_is_thanked_for_in_sight(server: Server, page: Any) -> None:
    page.click("#wrong")
    assert page.locator("#correcting-faces button").count() == 7
    assert page.is_hidden("#correcting [data-mood=happy]"), "that is the mood shown"
    page.click("#correcting [data-mood=sad]")
    page.wait_for_selector("#toast-text:has-text('Thank you')")
    page.click("#wrong")
    click(server, page, "#wrong-only")
    assert server.commands == [WrongMood(Emotion.SAD), WrongMood()]
    page.wait_for_selector("#toast:not(.shown)", state="attached")


def test_what_is_refused_is_not_shown_as_done(server: Server, page: Any) -> None:
    server.answer = OSError(28, "No space left on device")
    page.click("[aria-label='I like Sunny Side']")
    page.wait_for_selector("#error:has-text('No space left on device')")
    assert page.get_attribute("[aria-label='I like Sunny Side']", "aria-pressed") == "false"


def test_a_mood_that_is_about_to_change_has_no_share(server: Server, page: Any) -> None:
    server.output.accept(replace(HAPPY, seq=2, mood=Mood.SAD, confidence=0.003))
    page.wait_for_selector("#hero[data-mood=sad]")
    assert text(page, "#detail") == "The expression is just changing."


def test_a_mood_of_days_ago_has_its_day(server: Server, page: Any) -> None:
    since = datetime.now(UTC) - timedelta(days=3, hours=1)
    server.output.accept(replace(HAPPY, seq=2, mood=Mood.SAD, since=since))
    page.wait_for_selector("#hero[data-mood=sad]")
    page.wait_for_selector(f"#since:text-matches('^since {since.astimezone().day} [A-Z][a-z]+ .3 days.$')")


def test_a_foreign_name_in_the_address_is_no_view(server: Server, page: Any) -> None:
    page.goto(f"{server.output.address}/#toString")
    page.reload()
    page.wait_for_selector("#view-now:not([hidden])")
