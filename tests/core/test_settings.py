from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicond.core.commands import (
    Command,
    OtherSongs,
    Pause,
    Reset,
    Resume,
    SetAutoplay,
    SetManualMood,
    SetPolicy,
    SetPrivacy,
    SetSensitivity,
    SetSpeaker,
    SetVolume,
    UndoSpeaker,
)
from musicond.core.models import Emotion, Policy
from musicond.core.schedule import MIN_NIGHT, MORNING_HOUR, next_midnight, next_morning
from musicond.core.settings import (
    MAX_MINUTES,
    SETTINGS,
    Settings,
    apply,
    bounded,
    changed_keys,
    expired,
    reset,
    shifted,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTES = st.floats(0.1, 10080)
COMMANDS = st.one_of(
    st.builds(SetPrivacy, st.booleans(), st.booleans()),
    st.builds(Pause, st.none() | MINUTES, st.booleans()),
    st.builds(Resume),
    st.builds(SetPolicy, st.none() | st.sampled_from(Policy)),
    st.builds(SetSensitivity, st.floats(0, 100)),
    st.builds(SetAutoplay, st.none() | st.booleans()),
    st.builds(SetVolume, st.floats(0, 100)),
    st.builds(SetManualMood, st.none() | st.sampled_from(Emotion), MINUTES),
)
EVERYTHING = Settings(
    private=True,
    private_until=NOON,
    paused=True,
    paused_until=NOON,
    paused_minutes=5,
    sensitivity=70,
    manual_mood=Emotion.SAD,
    manual_until=NOON,
    policy=Policy.LIFT,
    autoplay=True,
    volume=30,
    speaker="Kitchen",
)


def test_each_command_switches_what_it_says() -> None:
    def after(*commands: Command) -> Settings:
        settings = Settings()
        for command in commands:
            settings = apply(settings, command, NOON)
        return settings

    assert after(SetPrivacy(on=True)) == Settings(private=True)
    assert after(Pause()) == Settings(paused=True)
    half_past = NOON + timedelta(minutes=30)
    assert after(Pause(30)) == Settings(paused=True, paused_until=half_past, paused_minutes=30)
    tomorrow = datetime(2026, 11, 24, MORNING_HOUR, tzinfo=UTC)
    assert after(Pause(until_tomorrow=True)) == Settings(paused=True, paused_until=tomorrow)
    assert after(Pause(30), Pause()) == Settings(paused=True)
    assert after(Pause(30), Resume()) == Settings()
    assert after(SetPolicy(Policy.STEADY)) == Settings(policy=Policy.STEADY)
    assert after(SetSensitivity(70)) == Settings(sensitivity=70)
    assert after(SetManualMood(Emotion.SAD, 30)) == Settings(manual_mood=Emotion.SAD, manual_until=half_past)
    assert after(SetManualMood(Emotion.SAD), SetManualMood(None)) == Settings()
    assert after(SetSpeaker("Kitchen")) == Settings(speaker="Kitchen")
    assert after(SetSpeaker("Kitchen"), UndoSpeaker("Kitchen", "Den")) == Settings(speaker="Den")
    assert after(SetSpeaker("Kitchen"), UndoSpeaker("Hall", "Den")) == Settings(speaker="Kitchen")
    assert after(OtherSongs()) == Settings()


def test_every_field_but_bias_and_consent_belongs_to_one_switch() -> None:
    held = [name for names in SETTINGS.values() for name in names]
    assert sorted([*held, "bias", "consent_pending"]) == sorted(field.name for field in fields(Settings))


@given(st.lists(COMMANDS, max_size=8))
def test_a_reset_is_as_if_nobody_had_touched_it(commands: list[Command]) -> None:
    settings = Settings()
    for command in commands:
        settings = apply(settings, command, NOON)
    kept = {name: getattr(settings, name) for name in SETTINGS["privacy"]}
    assert apply(settings, Reset(), NOON) == Settings(**kept), "a reset must not open the camera"
    for key in SETTINGS:
        assert changed_keys(reset(settings, key)) == tuple(
            other_key for other_key in changed_keys(settings) if other_key != key
        )


def test_a_reset_of_one_leaves_the_others() -> None:
    assert changed_keys(EVERYTHING) == tuple(SETTINGS)
    assert changed_keys(Settings()) == ()
    assert apply(EVERYTHING, Reset("sensitivity"), NOON) == replace(EVERYTHING, sensitivity=None)


def test_what_is_over_ends_and_nothing_else() -> None:
    early = NOON - timedelta(seconds=1)
    assert expired(EVERYTHING, early) == EVERYTHING
    over = expired(EVERYTHING, NOON)
    assert changed_keys(over) == ("policy", "sensitivity", "autoplay", "volume", "speaker")
    assert expired(Settings(paused=True), NOON + timedelta(days=400)) == Settings(paused=True), "until resumed"


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("2026-11-23T14:00", "2026-11-24T06:00"),
        ("2026-11-23T23:59", "2026-11-24T06:00"),
        ("2026-11-24T01:30", "2026-11-24T06:00"),
        ("2026-11-24T03:01", "2026-11-25T06:00"),
        ("2026-11-24T06:00", "2026-11-25T06:00"),
    ],
)
def test_tomorrow_is_the_morning_after_the_night(now: str, then: str) -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    wall_time = datetime.fromisoformat(now).replace(tzinfo=zone)
    assert next_morning(wall_time) == datetime.fromisoformat(then).replace(tzinfo=zone)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis adds it
def test_tomorrow_is_never_soon_nor_far(wall_time: datetime) -> None:
    assert MIN_NIGHT <= next_morning(wall_time) - wall_time < timedelta(hours=24) + MIN_NIGHT


def test_a_pause_and_a_manual_mood_keep_their_duration() -> None:
    until = datetime(2026, 11, 29, 12, tzinfo=UTC)
    settings = Settings(paused=True, paused_until=until, manual_mood=Emotion.SAD, manual_until=until)
    jump = timedelta(days=5000)
    now = until - timedelta(hours=1) + jump
    assert shifted(settings, jump, now).paused_until == until + jump
    assert shifted(settings, jump, now).manual_until == until + jump
    assert shifted(Settings(paused=True), jump, now) == Settings(paused=True)


@pytest.mark.parametrize(
    ("jump", "until"),
    [
        (timedelta(hours=5), datetime(2026, 11, 24, tzinfo=UTC)),
        (timedelta(hours=13), datetime(2026, 11, 25, tzinfo=UTC)),
        (timedelta(days=5000, hours=3), datetime(2026, 11, 24, tzinfo=UTC) + timedelta(days=5000)),
        (timedelta(days=-5000), datetime(2026, 11, 24, tzinfo=UTC) - timedelta(days=5000)),
        (timedelta(hours=-13), datetime(2026, 11, 24, tzinfo=UTC)),
        (timedelta(hours=-11), datetime(2026, 11, 24, tzinfo=UTC)),
    ],
)
def test_privacy_until_midnight_ends_at_a_midnight_and_no_sooner_after_the_clock_was_set(
    jump: timedelta, until: datetime
) -> None:
    guests = apply(Settings(), SetPrivacy(on=True, until_midnight=True), NOON)
    assert shifted(guests, jump, NOON + jump) == Settings(private=True, private_until=until)


@given(st.integers(-(10**7), 10**7), st.integers(-(10**7), 10**7))
def test_privacy_until_midnight_outlasts_a_wrong_clock_by_a_day_at_most(wrong_s: int, pressed_s: int) -> None:
    """The clock is wrong while privacy is switched on, or it becomes wrong and is set right again."""
    pressed, wrong = NOON + timedelta(seconds=pressed_s), timedelta(seconds=wrong_s)
    guests = apply(Settings(), SetPrivacy(on=True, until_midnight=True), pressed + wrong)
    once = shifted(guests, -wrong, pressed).private_until
    assert once is not None
    assert once == next_midnight(once - timedelta.resolution), "at a midnight"
    assert timedelta() <= once - next_midnight(pressed) <= timedelta(days=1)
    right = apply(Settings(), SetPrivacy(on=True, until_midnight=True), pressed)
    twice = shifted(shifted(right, wrong, pressed + wrong), -wrong, pressed).private_until
    assert twice is not None
    assert timedelta() <= twice - next_midnight(pressed) <= timedelta(days=1), "no sooner, and a day later at most"


def test_privacy_for_guests_ends_at_midnight() -> None:
    guests = apply(Settings(), SetPrivacy(on=True, until_midnight=True), NOON)
    assert guests == Settings(private=True, private_until=datetime(2026, 11, 24, tzinfo=UTC))
    assert expired(guests, NOON + timedelta(hours=11, minutes=59)) == guests
    assert expired(guests, NOON + timedelta(hours=12)) == Settings()
    assert apply(guests, SetPrivacy(on=False), NOON) == Settings()
    assert apply(guests, SetPrivacy(on=True), NOON) == Settings(private=True)


def test_guests_open_no_camera_that_was_closed_for_good() -> None:
    closed = Settings(private=True)
    assert apply(closed, SetPrivacy(on=True, until_midnight=True), NOON) == closed


def test_only_opening_the_camera_is_consent() -> None:
    pending = Settings(private=True, consent_pending=True)
    assert reset(pending, "privacy") == reset(pending, None) == pending
    assert apply(pending, SetPrivacy(on=True), NOON) == pending
    assert apply(pending, SetPrivacy(on=False), NOON) == Settings()
    guests = replace(pending, private_until=NOON)
    assert expired(guests, NOON) == pending


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("evening", "hours"),
    [((2026, 3, 28, 22), 7), ((2026, 10, 24, 22), 9), ((2026, 6, 1, 22), 8)],
    ids=["summer time begins", "summer time ends", "another night"],
)
def test_tomorrow_is_six_by_the_clock_on_the_wall(evening: tuple[int, int, int, int], hours: int) -> None:
    now = datetime(*evening, tzinfo=BERLIN)
    until = apply(Settings(), Pause(until_tomorrow=True), now).paused_until
    assert until is not None
    assert until.hour == MORNING_HOUR
    assert until - now.astimezone(UTC) == timedelta(hours=hours)
    assert until.astimezone(BERLIN).hour == MORNING_HOUR


def test_midnight_is_by_the_clock_on_the_wall() -> None:
    for day, hours in ((date(2026, 3, 29), 23), (date(2026, 10, 25), 25)):
        now = datetime.combine(day, time(0, 30), BERLIN)
        assert next_midnight(now) - now.astimezone(UTC) == timedelta(hours=hours - 0.5)


def test_minutes_are_minutes_when_summer_time_ends() -> None:
    now = datetime(2026, 10, 25, 2, 45, tzinfo=BERLIN)  # the first of two
    until = apply(Settings(), Pause(30), now).paused_until
    assert until is not None
    assert until - now.astimezone(UTC) == timedelta(minutes=30)


@given(st.lists(COMMANDS, max_size=5), st.integers(-20000, 20000))
def test_a_stored_end_is_never_further_ahead_than_its_command_allows(commands: list[Command], days: int) -> None:
    settings = Settings()
    for command in commands:
        settings = apply(settings, command, NOON)
    assert bounded(settings, NOON, set_clock=True) == settings, "nothing changes where the clock is right"
    now = NOON + timedelta(days=days)
    again = bounded(settings, now, set_clock=True)
    assert again.private == settings.private
    assert again.paused == settings.paused
    assert again.private_until is None or again.private_until <= next_midnight(now)
    span = timedelta(minutes=settings.paused_minutes or 24 * 60 + 60 * MIN_NIGHT.total_seconds() / 3600)
    assert again.paused_until is None or again.paused_until <= now + span
    assert again.manual_until is None or again.manual_until <= now + timedelta(minutes=MAX_MINUTES)


@pytest.mark.parametrize("behind", [timedelta(minutes=45), timedelta(days=200)])
def test_privacy_keeps_its_end_at_a_start_whose_clock_is_behind(behind: timedelta) -> None:
    now = datetime.combine(date(2026, 11, 30), time(0, 30), BERLIN)
    guest = apply(Settings(), SetPrivacy(on=True, until_midnight=True), now)
    assert bounded(guest, now - behind, set_clock=False).private_until == guest.private_until
    after_a_wrong_clock = bounded(guest, now - behind, set_clock=True).private_until
    assert after_a_wrong_clock is not None
    assert after_a_wrong_clock <= now
