"""The pipeline from a frame to an outcome: detect, classify, track the mood, recommend. No clock, no thread."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from musicond.core.commands import Calibrate, Command, OtherSongs, Rate, SetManualMood, Withdraw, WrongMood
from musicond.core.models import EMOTIONS, Emotion, EmotionEstimate, Faces, Frame, Mood, MoodChange, Verdict, Watching
from musicond.core.mood.bias import Bias
from musicond.core.mood.calibration import Calibration
from musicond.core.mood.tracker import MoodConfig, MoodState, Observation, changes_at, reject, reset, update
from musicond.core.outcome import CalibrationProgress, Outcome, Recommendation, RecommendationContext
from musicond.core.ports import EmotionClassifier, FaceDetector
from musicond.core.recommend.recommender import Recommender
from musicond.core.settings import Settings, apply, expired
from musicond.errors import CatalogueError, CommandError

NOT_WATCHING = {
    Watching.DARK: "it is too dark to see a face",
    Watching.PAUSED: "paused",
    Watching.PRIVATE: "private",
    Watching.NO_CAMERA: "no camera gives a picture",
}
RETRY_S = 5.0
"""Seconds between two attempts to recommend after an error of the catalogue."""


class Pipeline:
    """The stages in their order, and the state between frames: mood, recommendation and run-time settings."""

    def __init__(
        self,
        detector: FaceDetector,
        classifier: EmotionClassifier,
        recommender: Recommender,
        mood_config: MoodConfig,
        settings: Settings | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.mood_config = mood_config
        self.recommender = recommender
        self._detector, self._classifier = detector, classifier
        self._state = MoodState()
        self._mood = Mood.NOBODY
        """The announced mood: that of `_state`, or the one that a user set."""
        self._since: tuple[float, datetime] | None = None
        """Monotonic and wall time at which `_mood` was announced; None before the first turn."""
        self._recommendation: Recommendation | None = None
        self._requested: Recommendation | None = None
        """A recommendation that a command made, until the next outcome announces it."""
        self._notice: str | None = None
        self._tried_at = 0.0
        """Monotonic seconds of the last attempt to recommend."""
        self._calibration: Calibration | None = None
        self._calibrations = 0
        self._progress: CalibrationProgress | None = None
        self._seq = 0
        self._at = 0.0
        self._watching = Watching.NO_CAMERA

    def step(self, frame: Frame) -> Outcome:
        """Process one frame."""
        faces = self._detector.detect(frame)
        estimate = self._classifier.classify(frame, faces) if faces.confirmed else None
        if not (faces.count or faces.tentative):
            self._classifier.reset()
        self._update_calibration(frame.captured_at, estimate)
        if estimate is not None and self.settings.bias:
            estimate = replace(estimate, scores=self.settings.bias.apply(estimate.scores))
        observation = Observation(
            at=frame.captured_at,
            present=bool(faces.confirmed or faces.coasted),
            scores=estimate.scores if estimate else None,
            dark=faces.dark,
            person=estimate.person if estimate else 0,
        )
        mood_config = self.mood_config.at_sensitivity(self.settings.sensitivity_percent)
        self._state = update(self._state, mood_config, observation)
        watching = Watching.DARK if self._state.dark else Watching.YES
        outcome = self._outcome(frame.captured_at, frame.wall_time, watching, faces, estimate)
        return replace(outcome, changes_at=changes_at(self._state, mood_config, observation))

    def idle(self, at: float, wall_time: datetime) -> Outcome:
        """Return the outcome of a turn without a frame: private, paused, or else without a camera."""
        if self.settings.private:
            watching = Watching.PRIVATE
        elif self.settings.paused:
            watching = Watching.PAUSED
        else:
            watching = Watching.NO_CAMERA
        self._detector.reset()
        self._classifier.reset()
        self._update_calibration(at, None)
        self._state = replace(reset(self._state, at), dark=False, light_since=None)
        return self._outcome(at, wall_time, watching, Faces(), None)

    def handle(self, command: Command, wall_time: datetime) -> Settings:
        """Apply a command; return the settings after it.

        Raises CommandError if the command is impossible now, CatalogueError if feedback can't be stored.
        """
        match command:
            case Rate():
                self._rate(command, wall_time)
            case Withdraw():
                self._recommendation = self.recommender.withdraw(command, self._recommendation) or self._recommendation
            case WrongMood(right, wrong):
                if wrong not in (None, self._mood):
                    raise CommandError("another mood is announced by now")
                self._reject(right, wall_time)
            case OtherSongs():
                self._recommend_other(wall_time)
            case Calibrate(reset):
                self._calibrate(reset=reset)
            case _:
                self.settings = apply(self.settings, command, wall_time)
        return self.settings

    def expire(self, wall_time: datetime, *, keep_privacy: bool = False) -> bool:
        """End what is over: a pause, a manual mood, and privacy unless it is to be kept; return whether one ended."""
        before = self.settings
        self.settings = expired(before, wall_time, keep_privacy=keep_privacy)
        return self.settings != before

    def _rate(self, rate: Rate, wall_time: datetime) -> None:
        # While not watching, the songs never change.
        replacing = self._watching is Watching.YES
        recommendation = self.recommender.rate(rate, self._recommendation, wall_time, replacing=replacing)
        if recommendation is None:
            return
        self._recommendation = recommendation
        if replacing and rate.verdict is not Verdict.LIKE:
            self._requested = recommendation

    def _recommend_other(self, wall_time: datetime) -> None:
        if self._watching is not Watching.YES:
            raise CommandError(f"nothing is recommended now: {NOT_WATCHING[self._watching]}")
        last = self._recommendation.mood.emotion if self._recommendation else None
        emotion = self._mood.emotion or last
        if emotion is None:
            raise CommandError("nothing is recommended yet; other songs come once a mood has been read")
        context = self._context(emotion, self._at, wall_time)
        self._recommendation = self._requested = self.recommender.recommend_other(context)

    def _reject(self, right: Emotion | None, wall_time: datetime) -> None:
        if self.settings.manual_mood is not None:  # set by a user, so there is nothing to learn from it
            self.settings = apply(self.settings, SetManualMood(right), wall_time)
            return
        wrong = self._state.mood.emotion
        if self._state.mood is Mood.NOBODY or (wrong is None and right is None):
            raise CommandError("no mood is announced now, so none is wrong")
        if wrong is right:
            raise CommandError("this is the mood that is announced; say which one would be right")
        indices = [None if emotion is None else EMOTIONS.index(emotion) for emotion in (wrong, right)]
        self.settings = replace(self.settings, bias=self.settings.bias.corrected(*indices))
        self._state = reject(self._state, Mood(right.value) if right else None, self._at)

    def _calibrate(self, *, reset: bool) -> None:
        if reset:
            self._calibration = self._progress = None
            self.settings = replace(self.settings, bias=Bias())
            return
        if self._watching is not Watching.YES:
            raise CommandError(f"no face can be read now: {NOT_WATCHING[self._watching]}")
        self._calibrations += 1
        self._calibration = Calibration(self._at, number=self._calibrations)
        self._progress = self._calibration.progress(self._at)

    def _update_calibration(self, at: float, estimate: EmotionEstimate | None) -> None:
        if self._calibration is None:
            return
        self._calibration = self._calibration.update(at, estimate.scores if estimate else None)
        self._progress = self._calibration.progress(at)
        if self._progress.share >= 1:
            self.settings = replace(self.settings, bias=self._calibration.bias())
        if self._progress.share >= 1 or self._progress.error:
            self._calibration = None

    def _outcome(
        self, at: float, wall_time: datetime, watching: Watching, faces: Faces, estimate: EmotionEstimate | None
    ) -> Outcome:
        self._seq += 1
        self._at, self._watching = at, watching
        manual = self.settings.manual_mood if watching is Watching.YES else None
        confidence = 1.0 if manual else self._state.confidence
        before, self._mood = self._mood, Mood(manual.value) if manual else self._state.mood
        self._since = self._since or (at, wall_time)
        change, new = None, None
        if self._mood is not before:
            change = MoodChange(before, self._mood, confidence, at - self._since[0], at, wall_time)
            self._since = at, wall_time
        current = None if self._notice else self._recommendation  # after an error there is none for this mood
        is_due = self._notice is not None and abs(at - self._tried_at) >= RETRY_S
        if change is not None or (watching is Watching.YES and (is_due or self.recommender.is_outdated(current))):
            new = self._recommend(at, wall_time)
        new, self._requested = new or self._requested, None
        self._recommendation = new or self._recommendation
        return Outcome(
            seq=self._seq,
            captured_at=at,
            wall_time=wall_time,
            watching=watching,
            mood=self._mood,
            since=self._since[1],
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

    def _recommend(self, at: float, wall_time: datetime) -> Recommendation | None:
        emotion = self._mood.emotion
        if emotion is None:
            return None
        self._tried_at = at
        try:
            recommendation = self.recommender.recommend(self._context(emotion, at, wall_time))
        except CatalogueError as exc:
            self._notice = str(exc)
            return None
        self._notice = None
        return recommendation

    def _context(self, emotion: Emotion, at: float, wall_time: datetime) -> RecommendationContext:
        return RecommendationContext(emotion, at, wall_time, self._state.scores, self.settings.policy)
