"""What may be sent to the API to switch or ask for something: one model a body, and the command that each makes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from musicond.core.commands import (
    Calibrate,
    Command,
    Next,
    Pause,
    Play,
    Rate,
    Reset,
    Resume,
    SetAutoplay,
    SetPolicy,
    SetPrivacy,
    SetVolume,
    Stop,
    WrongMood,
)
from musicond.core.models import Emotion, Policy, Verdict
from musicond.core.settings import MAX_MINUTES

MAX_ID = 500
"""Characters of a track's identifier: a local file's is its path."""

TrackId = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID)]
Switch = Literal["privacy", "pause", "policy", "sensitivity", "mood", "autoplay", "volume"]
"""As `core.controls.SWITCHES`."""


class Body(BaseModel):
    """A JSON object with no other keys than these, and values of exactly these types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class PrivacyBody(Body):
    """Close the camera, or let it be opened again."""

    on: bool

    def command(self) -> Command:
        """Return what is asked for."""
        return SetPrivacy(self.on)


class PauseFor(Body):
    """Pause for some minutes; null: until resumed."""

    minutes: float | None = Field(None, gt=0, le=MAX_MINUTES)

    def command(self) -> Command:
        """Return what is asked for."""
        return Pause(self.minutes)


class PauseUntil(Body):
    """Pause until the next morning."""

    until: Literal["tomorrow"]

    def command(self) -> Command:
        """Return what is asked for."""
        return Pause(until_tomorrow=True)


class ResumeBody(Body):
    """End a pause."""

    def command(self) -> Command:
        """Return what is asked for."""
        return Resume()


class ResetBody(Body):
    """Forget what was switched; null: everything."""

    key: Switch | None

    def command(self) -> Command:
        """Return what is asked for."""
        return Reset(self.key)


class RateBody(Body):
    """Say what a song is worth; without an id, the first one shown."""

    verdict: Verdict
    id: TrackId | None = None

    def command(self) -> Command:
        """Return what is asked for."""
        return Rate(self.verdict, self.id)


class WrongMoodBody(Body):
    """Take the mood announced now for wrong."""

    right: Emotion | None = None

    def command(self) -> Command:
        """Return what is asked for."""
        return WrongMood(self.right)


class PolicyBody(Body):
    """Choose how the music follows the mood; null: as the configuration says."""

    policy: Policy | None

    def command(self) -> Command:
        """Return what is asked for."""
        return SetPolicy(self.policy)


class NextBody(Body):
    """Offer other songs now."""

    def command(self) -> Command:
        """Return what is asked for."""
        return Next()


class CalibrateBody(Body):
    """Learn from the neutral face shown now, or forget what was learnt."""

    reset: bool = False

    def command(self) -> Command:
        """Return what is asked for."""
        return Calibrate(self.reset)


class PlayBody(Body):
    """Play what is recommended, from this song on; without an id, from its beginning."""

    id: TrackId | None = None

    def command(self) -> Command:
        """Return what is asked for."""
        return Play(self.id)


class StopBody(Body):
    """Stop what plays."""

    def command(self) -> Command:
        """Return what is asked for."""
        return Stop()


class VolumeBody(Body):
    """Set the speaker's volume."""

    percent: float = Field(ge=0, le=100)

    def command(self) -> Command:
        """Return what is asked for."""
        return SetVolume(self.percent)


class AutoplayBody(Body):
    """Let music start by itself when the mood changes, or not."""

    on: bool

    def command(self) -> Command:
        """Return what is asked for."""
        return SetAutoplay(self.on)
