"""From a frame to an outcome: find faces, read one, decide on the mood, recommend. No clock, no thread."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from musicond.core.bias import Bias
from musicond.core.calibration import Calibration
from musicond.core.messages import (
    EMOTIONS,
    Calibrate,
    Controls,
    Emotion,
    EmotionEstimate,
    Faces,
    Mood,
    MoodChange,
    Next,
    Occasion,
    Outcome,
    Pause,
    Rate,
    Recommendation,
    Resume,
    SetPolicy,
    SetPrivacy,
    Watching,
    WrongMood,
)
from musicond.core.mood import MoodState, Observation, Rules, deny, forget, observe
from musicond.core.ports import CatalogueError, CommandError

if TYPE_CHECKING:
    from datetime import datetime

    from musicond.core.messages import Command, Frame, Progress
    from musicond.core.ports import EmotionReader, FaceFinder
    from musicond.core.recommend import Taste


WHY = {
    Watching.DARK: "it is too dark to see a face",
    Watching.PAUSED: "paused",
    Watching.PRIVATE: "private",
    Watching.NO_CAMERA: "no camera gives a picture",
}


class Recommends(Protocol):
    """Chooses songs; `core.recommend.Recommender` does."""

    taste: Taste
    """What the configuration says; may be set anew at any time."""

    def for_mood(self, occasion: Occasion) -> Recommendation | None:
        """Return a new recommendation, or None to keep the one shown; raise CatalogueError."""

    def another(self, occasion: Occasion) -> Recommendation:
        """Return a recommendation with other songs than those shown; raise CatalogueError."""

    def rate(self, rate: Rate, shown: Recommendation | None, wall: datetime) -> Recommendation | None:
        """Remember what a person says of a song; return what is to be shown instead of `shown`, None to keep it.

        On return it is on the disk. Raises CatalogueError; CommandError where no such song is known.
        """


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
        self._at = 0.0
        self._watching = Watching.NO_CAMERA
        self._asked_for: Recommendation | None = None
        """What a command put in the place of the recommendation, not told yet."""
        self._calibration: Calibration | None = None
        self._progress: Progress | None = None
        self._change: MoodState | None = None
        """The mood before a person called it wrong, not told yet."""

    def step(self, frame: Frame) -> Outcome:
        """Take one frame through the whole way."""
        faces = self._finder.find(frame)
        estimate = self._reader.read(frame, faces) if faces.confirmed else None
        self._calibrate(frame.captured_at, estimate)
        if estimate is not None:
            estimate = replace(estimate, scores=self.controls.bias.apply(estimate.scores))
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
        self._calibrate(at, None)
        before, self._state = self._state, replace(forget(self._state, at), dark=False, light_since=None)
        return self._outcome(before, at, wall, why, Faces(), None)

    def handle(self, command: Command, wall: datetime) -> Controls:
        """Do as a person asks; return what is switched now.

        Raises CommandError for what makes no sense now, CatalogueError where feedback can't be stored.
        """
        match command:
            case SetPrivacy(on):
                self.controls = replace(self.controls, private=on)
            case Pause(minutes):
                until = None if minutes is None else wall + timedelta(minutes=minutes)
                self.controls = replace(self.controls, paused=True, paused_until=until)
            case Resume():
                self.controls = replace(self.controls, paused=False, paused_until=None)
            case SetPolicy(policy):
                self.controls = replace(self.controls, policy=policy)
            case Rate():
                self._rate(command, wall)
            case WrongMood(right):
                self._deny(right)
            case Next():
                self._next(wall)
            case Calibrate(reset):  # pragma: no branch - the last
                self._begin(reset=reset)
        return self.controls

    def expire(self, wall: datetime) -> bool:
        """End a pause whose time has come; True if it did."""
        until = self.controls.paused_until
        if until is None or wall < until:
            return False
        self.handle(Resume(), wall)
        return True

    def _rate(self, rate: Rate, wall: datetime) -> None:
        new = self.recommender.rate(rate, self._recommendation, wall)
        # While nothing is watched no recommendation changes.
        if new is not None and self._watching is Watching.YES:
            self._recommendation = self._asked_for = new

    def _next(self, wall: datetime) -> None:
        if self._watching is not Watching.YES:
            raise CommandError(f"nothing is recommended now: {WHY[self._watching]}")
        shown = self._recommendation.mood.emotion if self._recommendation else None
        emotion = self._state.mood.emotion or shown
        if emotion is None:
            raise CommandError("nothing is recommended yet; other songs come once a mood has been read")
        self._recommendation = self._asked_for = self.recommender.another(
            Occasion(emotion, self._at, wall, self._state.scores, self.controls.policy)
        )

    def _deny(self, right: Emotion | None) -> None:
        wrong = self._state.mood.emotion
        if self._state.mood is Mood.NOBODY or (wrong is None and right is None):
            raise CommandError("no mood is announced now, so none is wrong")
        if wrong is right:
            raise CommandError("this is the mood that is announced; say which one would be right")
        places = [None if each is None else EMOTIONS.index(each) for each in (wrong, right)]
        self.controls = replace(self.controls, bias=self.controls.bias.moved(*places))
        self._change = self._change or self._state
        self._state = deny(self._state, Mood(right.value) if right else None, self._at)

    def _begin(self, *, reset: bool) -> None:
        if reset:
            self._calibration = self._progress = None
            self.controls = replace(self.controls, bias=Bias())
            return
        if self._watching is not Watching.YES:
            raise CommandError(f"no face can be read now: {WHY[self._watching]}")
        self._calibration = Calibration(self._at)
        self._progress = self._calibration.progress(self._at)

    def _calibrate(self, at: float, estimate: EmotionEstimate | None) -> None:
        if self._calibration is None:
            return
        self._calibration = self._calibration.watched(at, estimate.scores if estimate else None)
        self._progress = self._calibration.progress(at)
        if self._progress.share >= 1:
            self.controls = replace(self.controls, bias=self._calibration.bias())
        if self._progress.share >= 1 or self._progress.fault:
            self._calibration = None

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
        self._at, self._watching = at, watching
        before, self._change = self._change or before, None
        change, new = None, None
        if now.mood is not before.mood:
            change = MoodChange(before.mood, now.mood, now.confidence, at - before.since, at, wall)
            self._since = wall
            new = self._recommend(at, wall)
        self._since = self._since or wall
        new, self._asked_for = new or self._asked_for, None
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
            calibration=self._progress,
        )

    def _recommend(self, at: float, wall: datetime) -> Recommendation | None:
        emotion = self._state.mood.emotion
        if emotion is None:
            return None
        try:
            new = self.recommender.for_mood(Occasion(emotion, at, wall, self._state.scores, self.controls.policy))
        except CatalogueError as fault:
            self._notice = str(fault)
            return None
        self._notice = None
        return new
