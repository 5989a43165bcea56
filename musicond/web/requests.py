"""The request bodies of the commands and actions; the description of each is that of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, create_model

from musicond.core.settings import MAX_MINUTES

MAX_NAME = 200
"""Longest name of a speaker, in characters."""
MAX_ID = 500
"""Longest identifier of a track, in characters; that of a local file contains its path."""

EmotionName = Literal["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"]
"""As `core.models.EMOTIONS`."""
TrackId = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID)]
SpeakerName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME)]
Switch = Literal["privacy", "pause", "policy", "sensitivity", "mood", "autoplay", "volume", "speaker"]
"""As `core.settings.SETTINGS`."""


class Body(BaseModel):
    """A JSON object with no other keys than these, and values of exactly these types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Arguments(BaseModel):
    """The arguments of an action: values of exactly these types; other keys are ignored, or for the command line."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, allow_inf_nan=False)


class SongRow(Arguments):
    """A song for a list of one's own."""

    emotion: EmotionName
    title: str
    artist: str
    link: str = ""


class PauseFor(Body):
    """Pause for some minutes; null: until resumed."""

    minutes: float | None = Field(None, gt=0, le=MAX_MINUTES)


class PauseUntil(Body):
    """Pause until the next morning."""

    until: Literal["tomorrow"]


def request_body(description: str, **fields: Any) -> TypeAdapter[Any]:
    """Return the type of a command's body; a field is the type of one that is required, or a type and its default."""
    return TypeAdapter(create_model("Body", __base__=Body, __doc__=description, **_pairs(fields)))


def action_body(**fields: Any) -> TypeAdapter[Any]:
    """Return the type of an action's body, from the same fields."""
    return TypeAdapter(create_model("Body", __base__=Arguments, __doc__="", **_pairs(fields)))


def _pairs(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: field if isinstance(field, tuple) else (field, ...) for name, field in fields.items()}
