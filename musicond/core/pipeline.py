"""From a frame to an outcome: find faces, read one, decide on the mood, recommend. No clock, no thread."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from musicond.core.messages import (
    Controls,
    Emotion,
    EmotionEstimate,
    Faces,
    MoodChange,
    Outcome,
    Pause,
    Recommendation,
    Resume,
    SetPrivacy,
    Watching,
)
from musicond.core.mood import MoodState, Observation, Rules, forget, observe
from musicond.core.ports import CatalogueError

if TYPE_CHECKING:
    from datetime import datetime

    from musicond.core.messages import Command, Frame
    from musicond.core.ports import EmotionReader, FaceFinder


class Recommends(Protocol):
    """Chooses songs; `core.recommend.Recommender` does."""

    cool_down_s: float
    """Seconds for which the same mood coming back keeps its recommendation."""

    def for_mood(self, emotion: Emotion, captured_at: float, wall: datetime) -> Recommendation | None:
        """Return a new recommendation, or None to keep the one shown; raise CatalogueError."""


class Pipeline:
    """The whole way of the data; holds the mood, the recommendation and what persons have switched."""

    def __init__(
        self,
        finder: FaceFinder,
        reader: EmotionReader,
        recommender: Recommends,
        rules: Rules,
        controls: Controls | None = None,
    ) -> None:
        self.controls = controls or Controls()
        self.rules = rules
        self.recommender = recommender
        self._finder, self._reader = finder, reader
        self._state = MoodState()
        self._since: datetime | None = None
        self._recommendation: Recommendation | None = None
        self._notice: str | None = None
        self._seq = 0

    def step(self, frame: Frame) -> Outcome:
        """Take one frame through the whole way."""
        faces = self._finder.find(frame)
        estimate = self._reader.read(frame, faces) if faces.confirmed else None
        seen = Observation(
            at=frame.captured_at,
            present=bool(faces.confirmed or faces.coasted),
            scores=estimate.scores if estimate else None,
            dark=faces.dark,
        )
        before, self._state = self._state, observe(self._state, self.rules, seen)
        watching = Watching.DARK if self._state.dark else Watching.YES
        return self._outcome(before, frame.captured_at, frame.wall, watching, faces, estimate)

    def idle(self, at: float, wall: datetime) -> Outcome:
        """Tell that no frame is read, and why: private, paused, or else no camera."""
        if self.controls.private:
            why = Watching.PRIVATE
        elif self.controls.paused:
            why = Watching.PAUSED
        else:
            why = Watching.NO_CAMERA
        self._finder.reset()
        before, self._state = self._state, replace(forget(self._state, at), dark=False, light_since=None)
        return self._outcome(before, at, wall, why, Faces(), None)

    def handle(self, command: Command, wall: datetime) -> Controls:
        """Do as a person asks; return what is switched now."""
        match command:
            case SetPrivacy(on):
                self.controls = replace(self.controls, private=on)
            case Pause(minutes):
                until = None if minutes is None else wall + timedelta(minutes=minutes)
                self.controls = replace(self.controls, paused=True, paused_until=until)
            case Resume():  # pragma: no branch - the last of three
                self.controls = replace(self.controls, paused=False, paused_until=None)
        return self.controls

    def expire(self, wall: datetime) -> bool:
        """End a pause whose time has come; True if it did."""
        until = self.controls.paused_until
        if until is None or wall < until:
            return False
        self.handle(Resume(), wall)
        return True

    def _outcome(
        self,
        before: MoodState,
        at: float,
        wall: datetime,
        watching: Watching,
        faces: Faces,
        estimate: EmotionEstimate | None,
    ) -> Outcome:
        if self._seq == 0:
            before = replace(before, since=at)
            self._state = replace(self._state, since=max(at, self._state.since))
        now = self._state
        self._seq += 1
        change, new = None, None
        if now.mood is not before.mood:
            change = MoodChange(before.mood, now.mood, now.confidence, at - before.since, at, wall)
            self._since = wall
            new = self._recommend(at, wall)
        self._since = self._since or wall
        self._recommendation = new or self._recommendation
        return Outcome(
            seq=self._seq,
            captured_at=at,
            wall=wall,
            watching=watching,
            mood=now.mood,
            since=self._since,
            confidence=now.confidence,
            scores=now.scores,
            raw_scores=estimate.scores if estimate else None,
            faces=faces,
            recommendation=self._recommendation,
            change=change,
            recommended=new is not None,
            controls=self.controls,
            notice=self._notice,
        )

    def _recommend(self, at: float, wall: datetime) -> Recommendation | None:
        emotion = self._state.mood.emotion
        if emotion is None:
            return None
        try:
            new = self.recommender.for_mood(emotion, at, wall)
        except CatalogueError as fault:
            self._notice = str(fault)
            return None
        self._notice = None
        return new
