"""The configuration: one frozen model a section, each key with its unit, range and default."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

SOURCE_PATTERN = r"^(auto|pi|demo|v4l2(:/dev/.+)?|file:.+)$"


class Section(BaseModel):
    """A section of the file: unknown keys are faults, values can't be changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, allow_inf_nan=False)


class Device(Section):
    """Who this device is."""

    name: str = Field("musicond", min_length=1, max_length=60, description="Name shown to people.")
    node: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="Identifier in MQTT topics. Unset: host name and four hex digits of the machine id.",
    )


class Camera(Section):
    """Where the pictures come from, and how often they are looked at."""

    source: str = Field("auto", pattern=SOURCE_PATTERN, description="auto, pi, v4l2[:/dev/videoN], demo or file:PATH.")
    size: tuple[Annotated[int, Field(ge=160, le=1920)], Annotated[int, Field(ge=120, le=1080)]] = Field(
        (640, 480), description="Width and height in pixels."
    )
    rate: float = Field(8.0, ge=1, le=30, description="Frames per second that are analysed with a person present.")
    idle_rate: float = Field(2.5, ge=0.5, le=30, description="Frames per second that are looked at in an empty room.")
    rotation: Literal[0, 90, 180, 270] = Field(0, description="Degrees clockwise by which the picture is turned.")
    mirror: bool = Field(default=False, description="Swap left and right.")

    @model_validator(mode="after")
    def _rates(self) -> Camera:
        if self.idle_rate > self.rate:
            msg = f"idle_rate ({self.idle_rate}) must not exceed rate ({self.rate})"
            raise ValueError(msg)
        return self


class FacesSection(Section):
    """Whose face counts."""

    policy: Literal["largest", "all"] = Field("largest", description="largest face, or all weighted by area.")
    min_size: float = Field(0.12, ge=0.05, le=1, description="Smallest face, as a fraction of the frame's height.")
    max_size: float = Field(1.0, ge=0.1, le=1, description="Largest face, as a fraction of the frame's height.")

    @model_validator(mode="after")
    def _sizes(self) -> FacesSection:
        if self.min_size >= self.max_size:
            msg = f"min_size ({self.min_size}) must be less than max_size ({self.max_size})"
            raise ValueError(msg)
        return self


class Model(Section):
    """The emotion model."""

    path: Path | None = Field(None, description="TFLite file. Unset: the model that comes with musicond.")
    threads: int = Field(1, ge=1, le=4, description="Threads of the TFLite interpreter.")


class MoodSection(Section):
    """When a reading becomes a mood."""

    enter: float = Field(
        0.42, ge=0.15, le=1, description="Smoothed score (0..1) from which an emotion may be announced."
    )
    leave: float = Field(0.30, ge=0.1, le=1, description="Smoothed score (0..1) below which an emotion is given up.")
    dwell_s: float = Field(1.0, ge=0, le=60, description="Seconds for which a new emotion must lead without a break.")
    away_s: float = Field(5.0, ge=0.5, le=600, description="Seconds without a face until the mood is nobody.")
    smoothing_s: float = Field(0.8, ge=0, le=30, description="Time constant in seconds of the scores' smoothing.")

    @model_validator(mode="after")
    def _hysteresis(self) -> MoodSection:
        if self.leave > self.enter:
            msg = f"leave ({self.leave}) must not exceed enter ({self.enter})"
            raise ValueError(msg)
        return self


class Music(Section):
    """What is recommended."""

    cool_down_s: float = Field(
        600, ge=0, le=86400, description="Seconds for which the same mood coming back keeps its recommendation."
    )


class Mqtt(Section):
    """The broker. Without a host nothing is sent."""

    host: str | None = Field(None, min_length=1, description="Host name or address of the broker. Unset: MQTT is off.")
    port: int = Field(1883, ge=1, le=65535, description="TCP port of the broker.")
    username: str | None = Field(None, min_length=1, description="User name, if the broker asks for one.")
    password_file: Path | None = Field(None, description="File that holds the password in its first line.")
    base_topic: str = Field("musicond", pattern=r"^[^+#/\s][^+#\s]*$", description="First part of every topic.")


LISTEN = re.compile(r"^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost|\[::1\]):(\d{1,5})$")


class Web(Section):
    """The page."""

    listen: str = Field(
        "127.0.0.1:8080", description="Loopback address and TCP port of the page; port 0 takes a free one."
    )


class Config(Section):
    """All of musicon.yaml."""

    device: Device = Device()
    camera: Camera = Camera()
    faces: FacesSection = FacesSection()
    model: Model = Model()
    mood: MoodSection = MoodSection()
    music: Music = Music()
    mqtt: Mqtt = Mqtt()
    web: Web = Web()
    state_dir: Path | None = Field(
        None, description="Folder for the catalogue and what was switched. $STATE_DIRECTORY wins; unset: XDG's."
    )


__all__ = ["Config", "SecretStr"]
