"""The sections `music` and `history` of the configuration, and what a section is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from musicond.core.models import Emotion, Policy
from musicond.core.schedule import Hours, Schedule

SPOTIFY = ("spotify:", "https://open.spotify.com/")
"""How the name of a list at Spotify begins."""
SEARCH = "spotify:search:"
"""How the name of a search begins, which stands in for the mood's other lists at Spotify."""
PolicyName = Literal["match", "lift", "steady"]


class Section(BaseModel):
    """A section of the file: unknown keys are faults, values can't be changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class MoodMusic(Section):
    """The songs of one mood."""

    lists: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        ("starter",),
        description="Lists of songs: starter, a .csv, .json, .m3u or .m3u8 file, a folder of audio files, "
        "or at Spotify spotify:playlist:ID, a playlist's link or name (spotify:NAME), spotify:liked or "
        "spotify:search:WORDS, which is read only while none of the mood's other lists at Spotify has songs.",
    )
    policy: PolicyName | None = Field(None, description="How the music follows this mood. Unset: as music.policy says.")

    @field_validator("lists")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a list is named twice; remove one")
        return value


class Moods(Section):
    """What differs for single moods."""

    angry: MoodMusic = MoodMusic()
    disgust: MoodMusic = MoodMusic()
    fear: MoodMusic = MoodMusic()
    happy: MoodMusic = MoodMusic()
    neutral: MoodMusic = MoodMusic()
    sad: MoodMusic = MoodMusic()
    surprise: MoodMusic = MoodMusic()

    def of(self, emotion: Emotion) -> MoodMusic:
        """Return the section of one mood."""
        found: MoodMusic = getattr(self, emotion.value)
        return found


class Music(Section):
    """What is recommended."""

    policy: PolicyName = Field(
        "match", description="How the music follows the mood: match, lift (sad or angry towards happy) or steady."
    )
    refresh: str = Field(
        "sun 04:00",
        description="When the lists are read anew: a day and time (sun 04:00; mon,thu 04:00; daily 04:00), "
        "an interval (every 12 hours), or never.",
    )
    cool_down_s: float = Field(
        600, ge=0, le=86400, description="Seconds for which the same mood coming back keeps its recommendation."
    )
    quiet_hours: str | None = Field(
        None, description="Hours of calmer songs, and of nothing that plays by itself: HH:MM-HH:MM. Unset: none."
    )
    moods: Moods = Moods()

    @field_validator("refresh")
    @classmethod
    def _schedule(cls, value: str) -> str:
        Schedule.parse(value)
        return value

    @field_validator("quiet_hours")
    @classmethod
    def _hours(cls, value: str | None) -> str | None:
        if value is not None:
            Hours.parse(value)
        return value

    @property
    def schedule(self) -> Schedule:
        """When the lists are read anew."""
        return Schedule.parse(self.refresh)

    @property
    def hours(self) -> Hours | None:
        """The quiet hours."""
        return Hours.parse(self.quiet_hours) if self.quiet_hours else None

    @property
    def wanted(self) -> dict[Emotion, tuple[str, ...]]:
        """The lists of each mood."""
        return {emotion: self.moods.of(emotion).lists for emotion in Emotion}

    @property
    def policies(self) -> dict[Emotion, Policy]:
        """The moods that have a policy of their own."""
        named = {emotion: self.moods.of(emotion).policy for emotion in Emotion}
        return {emotion: Policy(policy) for emotion, policy in named.items() if policy is not None}


class History(Section):
    """How long each mood was announced, by day; nothing is kept unless it is switched on."""

    enabled: bool = Field(default=False, description="Keep the minutes of each mood and day.")
    keep_days: int = Field(365, ge=1, le=3660, description="Days that are kept.")
