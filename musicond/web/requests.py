"""The request bodies of the commands, one model each; its docstring is the description in the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from musicond.core.models import Emotion, Policy, Verdict
from musicond.core.settings import MAX_MINUTES

MAX_ID = 500
"""Longest identifier of a track, in characters; that of a local file contains its path."""

TrackId = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID)]
Switch = Literal["privacy", "pause", "policy", "sensitivity", "mood", "autoplay", "volume"]
"""As `core.settings.SETTINGS`."""


class Body(BaseModel):
    """A JSON object with no other keys than these, and values of exactly these types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class PrivacyBody(Body):
    """Close the camera, or let it be opened again."""

    on: bool


class PauseFor(Body):
    """Pause for some minutes; null: until resumed."""

    minutes: float | None = Field(None, gt=0, le=MAX_MINUTES)


class PauseUntil(Body):
    """Pause until the next morning."""

    until: Literal["tomorrow"]


class ResumeBody(Body):
    """End a pause."""


class ResetBody(Body):
    """Forget what was switched; null: everything."""

    key: Switch | None


class RateBody(Body):
    """Say what a song is worth; without an id, the first one shown."""

    verdict: Verdict
    id: TrackId | None = None


class WrongMoodBody(Body):
    """Take the mood announced now for wrong."""

    right: Emotion | None = None


class PolicyBody(Body):
    """Choose how the music follows the mood; null: as the configuration says."""

    policy: Policy | None


class NextBody(Body):
    """Offer other songs now."""


class CalibrateBody(Body):
    """Learn from the neutral face shown now, or forget what was learnt."""

    reset: bool = False


class PlayBody(Body):
    """Play what is recommended, from this song on; without an id, from its beginning."""

    id: TrackId | None = None


class StopBody(Body):
    """Stop what plays."""


class VolumeBody(Body):
    """Set the speaker's volume."""

    percent: float = Field(ge=0, le=100)


class AutoplayBody(Body):
    """Let music start by itself when the mood changes, or not."""

    on: bool
