"""The part of the composition root from the camera to the recommendation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2

from musicond.capture.auto import AutoSource
from musicond.capture.checked import CheckedSource
from musicond.capture.demo import DemoClip
from musicond.capture.picamera import PiCamera
from musicond.capture.recorded import RecordedSource, Recording, display_name, open_clip
from musicond.capture.v4l2 import Webcam
from musicond.config.camera_url import is_url, parse_url
from musicond.config.paths import model_path, models_dir
from musicond.config.schema import Config
from musicond.config.secrets import camera_credentials
from musicond.core.face_choice import ChosenFaceClassifier
from musicond.core.frame_rate import FrameRate
from musicond.core.models import Policy
from musicond.core.pipeline import Pipeline
from musicond.core.ports import Catalogue, EmotionClassifier, FaceDetector, FrameSource
from musicond.core.recommend.recommender import Recommender, RecommenderConfig
from musicond.errors import ConfigError, SourceLost
from musicond.indicator import LitSource
from musicond.vision.classifier import TfliteClassifier
from musicond.vision.detector import HaarFaceDetector


def build_source(config: Config, is_urgent: Callable[[], bool] = lambda: False) -> FrameSource:
    """Return the source that `camera.source` names; a wait for its frame ends once `is_urgent` returns true.

    A camera has its light around it, if there is one.
    """
    source, pin = _source(config, is_urgent), config.indicator.led_pin
    return LitSource(source, pin) if pin is not None and config.camera.is_device else source


def _source(config: Config, is_urgent: Callable[[], bool]) -> FrameSource:
    if is_url(config.camera.source):
        return CheckedSource(_network_camera(config, is_urgent), is_urgent)
    kind, _, argument = config.camera.source.partition(":")
    return SOURCES[kind](config, argument)


def open_recording(name: str) -> Recording:
    """Return the demo, or the clip or folder of images at a path; raise SourceLost."""
    return DemoClip(models_dir()) if name == "demo" else open_clip(Path(name))


def build_vision(config: Config, *, tracking: bool = True, gate: bool = True) -> tuple[FaceDetector, EmotionClassifier]:
    """Return the face detector and the emotion classifier; raise ModelError."""
    cv2.setNumThreads(1)  # one core is enough, and leaves a Pi cool and its other cores free
    faces, cascade = config.faces, models_dir() / "haarcascade_frontalface_default.xml"
    classifier = TfliteClassifier(model_path(config), threads=config.model.threads)
    detector = HaarFaceDetector(cascade, classifier, faces.min_size, faces.max_size, track=tracking, motion_gate=gate)
    return detector, ChosenFaceClassifier(classifier) if faces.policy == "largest" else classifier


def build_pipeline(
    config: Config, detector: FaceDetector, classifier: EmotionClassifier, catalogue: Catalogue, *, seed: int
) -> Pipeline:
    """Return the pipeline, which is the same for the daemon and a replay."""
    recommender = Recommender(catalogue, seed, recommender_config(config))
    mood_config = config.mood.tracker.at_rate(config.camera.rate)
    return Pipeline(detector, classifier, recommender, mood_config)


def recommender_config(config: Config) -> RecommenderConfig:
    """Return the configuration of the recommender."""
    music = config.music
    return RecommenderConfig(Policy(music.policy), music.policies, music.cool_down_s, music.hours)


def frame_rate(config: Config) -> FrameRate:
    """Return the frame rates with a person present and in an empty room."""
    return FrameRate(config.camera.rate, config.camera.idle_rate)


def _demo() -> RecordedSource:
    clip = DemoClip(models_dir())
    return RecordedSource("demo", lambda: clip)


def _recorded(path: Path) -> RecordedSource:
    # A camera may come back, but a missing clip will not: SourceLost ends the start.
    open_clip(path)
    return RecordedSource(display_name(path), lambda: open_clip(path))


def pi_camera(config: Config) -> PiCamera:
    """Return the Pi camera as configured."""
    camera = config.camera
    return PiCamera(
        camera.size,
        camera.rate,
        rotation=camera.rotation,
        mirror=camera.mirror,
        view=camera.view,
        exposure_max_ms=camera.exposure_max_ms,
    )


def _pi(config: Config) -> CheckedSource:
    return CheckedSource(pi_camera(config))


def _webcam(config: Config, device: str) -> CheckedSource:
    camera = config.camera
    rotation, mirror = camera.rotation, camera.mirror
    webcam = Webcam(device or None, camera.size, camera.rate, rotation=rotation, mirror=mirror, view=camera.view)
    return CheckedSource(webcam)


def _network_camera(config: Config, is_urgent: Callable[[], bool]) -> FrameSource:
    from musicond.capture.network import NetworkCamera, PictureStream

    camera, url = config.camera, parse_url(config.camera.source)
    camera_credentials(config)  # a file that can't be used ends the start

    def connect() -> PictureStream:
        try:  # the password may have been corrected
            credentials = camera_credentials(config, warn=False)
        except ConfigError as exc:
            raise SourceLost(" ".join(exc.problems)) from None
        if url.scheme == "rtsp":
            from musicond.capture.rtsp import RtspStream

            return RtspStream(url, credentials, allow_public=camera.allow_public)
        from musicond.capture.mjpeg import MjpegStream

        return MjpegStream(url, credentials, allow_public=camera.allow_public)

    return NetworkCamera(
        url.place,
        connect,
        camera.size,
        rotation=camera.rotation,
        mirror=camera.mirror,
        view=camera.view,
        is_urgent=is_urgent,
    )


SOURCES: dict[str, Callable[[Config, str], FrameSource]] = {
    "auto": lambda config, _argument: AutoSource((_pi(config), _webcam(config, ""))),
    "pi": lambda config, _argument: _pi(config),
    "v4l2": _webcam,
    "demo": lambda _config, _argument: _demo(),
    "file": lambda _config, path: _recorded(Path(path)),
}
