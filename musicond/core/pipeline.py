"""From a frame to an outcome: find faces, read one, decide on the mood, recommend. No clock, no thread."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from musicond.core.commands import Calibrate, Next, Rate, SetManualMood, WrongMood
from musicond.core.models import EMOTIONS, Emotion, EmotionEstimate, Faces, Mood, MoodChange, Watching
from musicond.core.mood.bias import Bias
from musicond.core.mood.calibration import Calibration
from musicond.core.mood.tracker import MoodConfig, MoodState, Observation, reject, reset, update
from musicond.core.outcome import Outcome, Recommendation, RecommendationContext, Settings
from musicond.core.settings import apply, expired
from musicond.errors import CatalogueError, CommandError

if TYPE_CHECKING:
    from datetime import datetime

    from musicond.core.commands import Command
    from musicond.core.models import Frame
    from musicond.core.outcome import CalibrationProgress
    from musicond.core.ports import EmotionClassifier, FaceDetector
    from musicond.core.recommend.recommender import Recommender


@dataclass(frozen=True, slots=True)
class FrameRate:
    """Frames per second with a person present, and in an empty room."""

    rate: float
    idle_rate: float

    def interval_s(self, last: Outcome | None) -> float:
        """Return the seconds from the start of the last step to the start of the next."""
        if last is None or last.mood is not Mood.NOBODY:
            return 1.0 / self.rate
        faces = last.faces
        near = faces.confirmed or faces.coasted or faces.tentative
        return 1.0 / (self.rate if near else self.idle_rate)


NOT_WATCHING = {
    Watching.DARK: "it is too dark to see a face",
    Watching.PAUSED: "paused",
    Watching.PRIVATE: "private",
    Watching.NO_CAMERA: "no camera gives a picture",
}


class Pipeline:
    """The whole way of the data; holds the mood, the recommendation and what persons have switched."""

    def __init__(
        self,
        finder: FaceDetector,
        reader: EmotionClassifier,
        recommender: Recommender,
        rules: MoodConfig,
        controls: Settings | None = None,
    ) -> None:
        self.settings = controls or Settings()
        self.mood_config = rules
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
        self._progress: CalibrationProgress | None = None
        self._mood = Mood.NOBODY
        """What is announced: the mood that is read, or the one that a person set."""
        self._mood_at: float | None = None

    def step(self, frame: Frame) -> Outcome:
        """Take one frame through the whole way."""
        faces = self._finder.detect(frame)
        estimate = self._reader.classify(frame, faces) if faces.confirmed else None
        self._calibrate(frame.captured_at, estimate)
        if estimate is not None:
            estimate = replace(estimate, scores=self.settings.bias.apply(estimate.scores))
        seen = Observation(
            at=frame.captured_at,
            present=bool(faces.confirmed or faces.coasted),
            scores=estimate.scores if estimate else None,
            dark=faces.dark,
        )
        rules = self.mood_config.at_sensitivity(self.settings.sensitivity_percent)
        self._state = update(self._state, rules, seen)
        watching = Watching.DARK if self._state.dark else Watching.YES
        return self._outcome(frame.captured_at, frame.wall_time, watching, faces, estimate)

    def idle(self, at: float, wall: datetime) -> Outcome:
        """Tell that no frame is read, and why: private, paused, or else no camera."""
        if self.settings.private:
            why = Watching.PRIVATE
        elif self.settings.paused:
            why = Watching.PAUSED
        else:
            why = Watching.NO_CAMERA
        self._finder.reset()
        self._calibrate(at, None)
        self._state = replace(reset(self._state, at), dark=False, light_since=None)
        return self._outcome(at, wall, why, Faces(), None)

    def handle(self, command: Command, wall: datetime) -> Settings:
        """Do as a person asks; return what is switched now.

        Raises CommandError for what makes no sense now, CatalogueError where feedback can't be stored.
        """
        match command:
            case Rate():
                self._rate(command, wall)
            case WrongMood(right):
                self._deny(right, wall)
            case Next():
                self._next(wall)
            case Calibrate(reset):
                self._begin(reset=reset)
            case _:
                self.settings = apply(self.settings, command, wall)
        return self.settings

    def expire(self, wall: datetime) -> bool:
        """End a pause or a manual mood whose time has come; True if one did."""
        before = self.settings
        self.settings = expired(before, wall)
        return self.settings != before

    def _rate(self, rate: Rate, wall: datetime) -> None:
        new = self.recommender.rate(rate, self._recommendation, wall)
        # While nothing is watched no recommendation changes.
        if new is not None and self._watching is Watching.YES:
            self._recommendation = self._asked_for = new

    def _next(self, wall: datetime) -> None:
        if self._watching is not Watching.YES:
            raise CommandError(f"nothing is recommended now: {NOT_WATCHING[self._watching]}")
        shown = self._recommendation.mood.emotion if self._recommendation else None
        emotion = self._mood.emotion or shown
        if emotion is None:
            raise CommandError("nothing is recommended yet; other songs come once a mood has been read")
        self._recommendation = self._asked_for = self.recommender.recommend_other(
            RecommendationContext(emotion, self._at, wall, self._state.scores, self.settings.policy)
        )

    def _deny(self, right: Emotion | None, wall: datetime) -> None:
        if self.settings.manual_mood is not None:  # not read, so there is nothing to learn from it
            self.settings = apply(self.settings, SetManualMood(right), wall)
            return
        wrong = self._state.mood.emotion
        if self._state.mood is Mood.NOBODY or (wrong is None and right is None):
            raise CommandError("no mood is announced now, so none is wrong")
        if wrong is right:
            raise CommandError("this is the mood that is announced; say which one would be right")
        places = [None if each is None else EMOTIONS.index(each) for each in (wrong, right)]
        self.settings = replace(self.settings, bias=self.settings.bias.corrected(*places))
        self._state = reject(self._state, Mood(right.value) if right else None, self._at)

    def _begin(self, *, reset: bool) -> None:
        if reset:
            self._calibration = self._progress = None
            self.settings = replace(self.settings, bias=Bias())
            return
        if self._watching is not Watching.YES:
            raise CommandError(f"no face can be read now: {NOT_WATCHING[self._watching]}")
        self._calibration = Calibration(self._at)
        self._progress = self._calibration.progress(self._at)

    def _calibrate(self, at: float, estimate: EmotionEstimate | None) -> None:
        if self._calibration is None:
            return
        self._calibration = self._calibration.update(at, estimate.scores if estimate else None)
        self._progress = self._calibration.progress(at)
        if self._progress.share >= 1:
            self.settings = replace(self.settings, bias=self._calibration.bias())
        if self._progress.share >= 1 or self._progress.error:
            self._calibration = None

    def _outcome(
        self,
        at: float,
        wall: datetime,
        watching: Watching,
        faces: Faces,
        estimate: EmotionEstimate | None,
    ) -> Outcome:
        self._seq += 1
        self._at, self._watching = at, watching
        manual = self.settings.manual_mood if watching is Watching.YES else None
        before, self._mood = self._mood, Mood(manual.value) if manual else self._state.mood
        confidence = 1.0 if manual else self._state.confidence
        if self._mood_at is None:
            self._mood_at = at
        change, new = None, None
        if self._mood is not before:
            change = MoodChange(before, self._mood, confidence, at - self._mood_at, at, wall)
            self._since, self._mood_at = wall, at
            new = self._recommend(at, wall)
        self._since = self._since or wall
        new, self._asked_for = new or self._asked_for, None
        self._recommendation = new or self._recommendation
        return Outcome(
            seq=self._seq,
            captured_at=at,
            wall_time=wall,
            watching=watching,
            mood=self._mood,
            since=self._since,
            confidence=confidence,
            scores=self._state.scores,
            raw_scores=estimate.scores if estimate else None,
            faces=faces,
            recommendation=self._recommendation,
            change=change,
            recommended=new is not None,
            settings=self.settings,
            present=self._state.present if watching is Watching.YES else None,
            notice=self._notice,
            calibration=self._progress,
        )

    def _recommend(self, at: float, wall: datetime) -> Recommendation | None:
        emotion = self._mood.emotion
        if emotion is None:
            return None
        try:
            new = self.recommender.recommend(
                RecommendationContext(emotion, at, wall, self._state.scores, self.settings.policy)
            )
        except CatalogueError as fault:
            self._notice = str(fault)
            return None
        self._notice = None
        return new
