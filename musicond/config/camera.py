"""The section `camera` of musicon.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from musicond.config.camera_url import is_url, parse_url
from musicond.config.relative_paths import resolve_source
from musicond.config.section import FilePath, Section, in_order

SOURCE_PATTERN = (
    r"^(auto|pi|demo|v4l2(:/dev/.+)?|file:.+|([Rr][Tt][Ss][Pp]|[Hh][Tt][Tt][Pp][Ss]?)://.+)$"  # no flags in JSON Schema
)


def check_source(source: str, info: ValidationInfo) -> str:
    """Return a source with a resolved path; raise ValueError for an address that is not one."""
    if is_url(source):
        parse_url(source)
    return resolve_source(source, info)


class Camera(Section):
    """The source of the pictures, and its rate."""

    source: Annotated[str, AfterValidator(check_source)] = Field(
        "auto",
        pattern=SOURCE_PATTERN,
        description="auto, pi, v4l2[:/dev/videoN], demo, file:PATH, or a camera in the network: rtsp://HOST/PATH, "
        "or http://HOST/PATH and https://HOST/PATH for MJPEG.",
    )
    credentials_file: FilePath | None = Field(
        None, description="File that holds NAME:PASSWORD of a camera in the network in its first line."
    )
    allow_public: bool = Field(
        default=False, description="Let a camera in the network have an address outside private networks."
    )
    size: tuple[Annotated[int, Field(ge=160, le=1920)], Annotated[int, Field(ge=120, le=1080)]] = Field(
        (1280, 960), description="Largest width and height in pixels; a Pi camera keeps its own ratio."
    )
    rate: float = Field(8.0, ge=1, le=30, description="Frames per second that are analysed with a person present.")
    idle_rate: float = Field(2.5, ge=0.5, le=30, description="Frames per second that are looked at in an empty room.")
    rotation: Literal[0, 90, 180, 270] = Field(0, description="Degrees clockwise by which the picture is turned.")
    mirror: bool = Field(default=False, description="Swap left and right.")
    view: Literal["wide", "near"] = Field("wide", description="wide: the whole picture. near: its middle half, larger.")
    exposure_max_ms: float = Field(33, ge=1, le=1000, description="Longest exposure of the Pi camera in milliseconds.")

    @property
    def is_device(self) -> bool:
        """Whether the source is a camera, not a recording."""
        return self.source.partition(":")[0] not in ("demo", "file")

    @model_validator(mode="after")
    def _rates(self) -> Camera:
        return in_order(self, "idle_rate", "rate")
