"""The JSON payloads: a model of each topic, the source of docs/mqtt.schema.json, and how an outcome fills it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from musicond.core.models import Emotion, Mood, Track, Watching, scores_by_emotion
from musicond.core.outcome import Outcome, Playback, PlayState, Recommendation

STATE_LIMIT = 255
"""Longest state in Home Assistant, in characters."""


class Payload(BaseModel):
    """A JSON object with these keys and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def text(self) -> str:
        """Return the payload as JSON."""
        return self.model_dump_json()


class StatePayload(Payload):
    """Topic `state`: all that is known now, in one object."""

    status: Literal["running", "stopped"] = Field(
        description="`stopped` after a clean stop; `running` while `availability` is offline: a crash, or no network."
    )
    mood: Mood = Field(description="The announced mood.")
    emotion: Emotion | None = Field(description="The mood's emotion; null for unsure and nobody.")
    manual: bool = Field(description="The mood was set by a person and not read.")
    manual_until: datetime | None = Field(description="When a mood that a person set ends by itself.")
    watching: Watching = Field(description="Whether faces are read, and if not, why not.")
    presence: bool | None = Field(
        description="Somebody is there: true from the first mood, unsure included, until mood.away_s seconds "
        "have passed without a face; null while not watching."
    )
    confidence: float | None = Field(
        ge=0, le=1, description="Smoothed score of the mood, 1 for a manual mood; null for nobody."
    )
    scores: dict[Emotion, float] | None = Field(
        description="Smoothed probabilities of all seven expressions; null without a face."
    )
    faces: int = Field(ge=0, description="Faces in sight.")
    since: datetime = Field(description="When the mood was announced.")
    notice: str | None = Field(description="What does not work for the time being, in a sentence.")
    demo: bool = Field(description="The faces are drawn by the built-in demo: the mood is nobody's.")
    version: str


class SongPayload(Payload):
    """A recommended track."""

    id: str = Field(description="Identifier in the catalogue, such as spotify:track:...; `like` and `dislike` take it.")
    title: str
    artist: str
    album: str | None = Field(description="null where it is not known.")
    link: str = Field(description="Web address.")

    @classmethod
    def of(cls, track: Track) -> SongPayload:
        """Return the payload of a track."""
        return cls(
            id=track.track_id, title=track.title, artist=track.artist, album=track.album or None, link=track.link
        )


class RecommendationAttributes(Payload):
    """Topic `recommendation/attributes`: the recommendation, uncut, with what was read when it was made."""

    emotion: Emotion | None = Field(description="The mood it was made for; null before the first one.")
    confidence: float | None = Field(ge=0, le=1, description="Smoothed score of that mood when it was published.")
    scores: dict[Emotion, float] | None = Field(description="Smoothed probabilities of all seven expressions then.")
    faces: int = Field(ge=0, description="Faces in sight then.")
    since: datetime | None = Field(description="When it was made.")
    reason: str | None = Field(description="Why these songs, in plain words.")
    tracks: list[SongPayload]
    playlist: str | None = Field(
        description="URI of the playlist that holds all these songs (spotify:playlist:..., or file:///... of an .m3u); "
        "null where none does."
    )


class Event(Payload):
    """Topic `event`: a change of mood. Never retained; with MQTT 5 it expires after a minute."""

    event_type: Literal["mood_changed"]
    before: Mood
    after: Mood
    confidence: float = Field(ge=0, le=1)
    held_s: float = Field(ge=0, description="Seconds for which the mood before had been announced.")
    at: datetime


class PauseAttributes(Payload):
    """Topic `pause/attributes`: how long a pause lasts."""

    minutes: float = Field(
        ge=0, description="Minutes that were asked for; 0 without a pause or for one without an end."
    )
    until: datetime | None = Field(
        description="When it ends by itself; null without a pause or for one without an end."
    )


class PlaybackPayload(Payload):
    """Topic `playback/attributes`: what plays, where, and what does not work."""

    backend: str = Field(description="As in playback.backend.")
    state: PlayState
    ours: bool = Field(description="What plays was started by musicond.")
    track: SongPayload | None = Field(description="What plays or is paused, whoever started it.")
    device: str | None = Field(description="The speaker; where something plays elsewhere, that.")
    volume: int | None = Field(ge=0, le=100, description="Percent; null where it is unknown or can't be set.")
    volume_max: int = Field(ge=0, le=100, description="Percent that musicond never goes beyond.")
    autoplay: bool = Field(description="Music starts by itself when the mood changes.")
    holding: str | None = Field(description="Why nothing starts by itself now, in plain words.")
    trouble: str | None = Field(description="What does not work, with its remedy; or that a sign-in ends soon.")
    signed_in: bool | None = Field(description="Somebody is signed in at the music service; null where there is none.")
    expires_on: date | None = Field(description="When a person has to sign in again.")
    days_left: int | None = Field(description="Days until then.")


class Health(Payload):
    """Topic `health`: how the daemon and the machine are, every five minutes."""

    version: str
    started: datetime
    uptime_s: int = Field(ge=0)
    camera: str = Field(description="The source, such as `Pi camera` or `demo`.")
    width_seen: float | None = Field(
        None, ge=0, le=1, description="Share of the sensor's width in the picture; null while unknown, or no Pi camera."
    )
    reach_m: float | None = Field(
        None, gt=0, description="Metres up to which a face is found, about; null where the angle of view is unknown."
    )
    rotation_hint: int | None = Field(
        None,
        description="The `camera.rotation` that would help, once faces are found only in a turned picture; else null.",
    )
    bad_frames: int = Field(0, ge=0, description="Frames since the start that could not be decoded; they are skipped.")
    stale_frames: int = Field(0, ge=0, description="Frames since the start that were the same as the one before.")
    missing_frames: int = Field(0, ge=0, description="How often since the start no frame came in time.")
    trouble: str | None = Field(description="Why the camera gives nothing; null while all is well.")
    unsaved: str | None = Field(None, description="Why privacy and settings are not on the disk; null while they are.")
    problems: list[str] = Field(default_factory=list, description="Threads and regular jobs that fail.")
    frames_per_s: float = Field(ge=0, description="Frames looked at.")
    cpu_percent: float = Field(ge=0, description="Of one core, by the process, since the message before.")
    memory_mib: float = Field(ge=0, description="Resident memory of the process.")
    temperature_c: float | None = Field(description="Of the processor; null where the kernel does not report it.")
    throttled: bool | None = Field(description="A Pi is too hot or short of voltage; null elsewhere.")
    undervoltage: bool | None = Field(None, description="The supply voltage of a Pi is too low; null elsewhere.")
    rate_share: float = Field(1.0, ge=0, le=1, description="Share of the frame rate that the heat leaves; 1 when cool.")


TOPICS: Mapping[str, type[Payload]] = {
    "state": StatePayload,
    "recommendation/attributes": RecommendationAttributes,
    "event": Event,
    "pause/attributes": PauseAttributes,
    "playback/attributes": PlaybackPayload,
    "health": Health,
}


def state(outcome: Outcome, version: str, *, running: bool = True) -> StatePayload:
    """Return the payload of `state`."""
    nobody = outcome.mood is Mood.NOBODY
    manual = not nobody and outcome.settings.manual_mood is not None
    return StatePayload(
        status="running" if running else "stopped",
        mood=outcome.mood,
        emotion=outcome.mood.emotion,
        manual=manual,
        manual_until=outcome.settings.manual_until if manual else None,
        watching=outcome.watching,
        presence=outcome.present,
        confidence=None if nobody else round(outcome.confidence, 2),
        scores=scores_by_emotion(outcome.scores, 2),
        faces=outcome.faces.count,
        since=outcome.since,
        notice=outcome.unsaved or outcome.notice,
        demo=outcome.demo,
        version=version,
    )


def attributes(outcome: Outcome) -> RecommendationAttributes:
    """Return the payload of `recommendation/attributes`."""
    recommendation = outcome.recommendation
    current = recommendation is not None and outcome.mood is recommendation.mood
    return RecommendationAttributes(
        emotion=recommendation.mood.emotion if recommendation else None,
        confidence=round(outcome.confidence, 2) if current else None,
        scores=scores_by_emotion(outcome.scores, 2) if current else None,
        faces=outcome.faces.count,
        since=recommendation.wall_time if recommendation else None,
        reason=recommendation.reason if recommendation else None,
        tracks=[SongPayload.of(track) for track in (recommendation.wanted if recommendation else ())],
        playlist=recommendation.playlist if recommendation else None,
    )


def event(outcome: Outcome) -> Event | None:
    """Return the payload of `event`; None without a change of mood."""
    change = outcome.change
    if change is None:
        return None
    return Event(
        event_type="mood_changed",
        before=change.before,
        after=change.after,
        confidence=round(change.confidence, 2),
        held_s=round(max(0.0, change.held_s), 1),
        at=change.wall_time,
    )


def pause(outcome: Outcome) -> PauseAttributes:
    """Return the payload of `pause/attributes`."""
    return PauseAttributes(minutes=outcome.settings.paused_minutes or 0, until=outcome.settings.paused_until)


def playback(playback: Playback) -> PlaybackPayload:
    """Return the payload of `playback/attributes`."""
    account = playback.account
    return PlaybackPayload(
        backend=playback.backend,
        state=playback.state,
        ours=playback.ours,
        track=SongPayload.of(playback.track) if playback.track else None,
        device=playback.device,
        volume=playback.volume,
        volume_max=playback.volume_max,
        autoplay=playback.autoplay,
        holding=str(playback.autoplay_block) if playback.autoplay_block else None,
        trouble=playback.trouble,
        signed_in=account.signed_in if account else None,
        expires_on=account.expires_on if account else None,
        days_left=account.days_left if account else None,
    )


def summary(recommendation: Recommendation | None) -> str:
    """Return the tracks in one line, as many as fit into `STATE_LIMIT` characters."""
    tracks = recommendation.wanted if recommendation else ()
    line = ""
    for track in tracks:
        text = f"{track.title} – {track.artist}"  # noqa: RUF001 - the dash between title and artist
        longer = f"{line}; {text}" if line else text
        if len(longer) > STATE_LIMIT:
            break
        line = longer
    if tracks and not line:
        line = tracks[0].title[: STATE_LIMIT - 1] + "…"
    return line
