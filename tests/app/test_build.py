"""The composition root imports only what is configured."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from musicond.app.library import build_maintenance, reconfigurer
from musicond.app.pipeline import build_pipeline, build_vision, frame_rate
from musicond.app.reload import apply_config
from musicond.config.camera import Camera
from musicond.config.schema import Config, MoodSection
from musicond.controller import Controller
from musicond.core.face_choice import ChosenFaceClassifier
from musicond.library.catalogue import SqliteCatalogue
from musicond.runtime.json_file import JsonFile
from musicond.vision.classifier import TfliteClassifier

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_not_configured_is_not_imported() -> None:
    code = (
        "import sys, musicond.app.build\n"
        "print([name for name in ('spotipy', 'requests', 'mpd', 'segno') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_reload_keeps_the_rate_with_which_the_camera_was_opened(tmp_path: Path) -> None:
    before = Config(camera=Camera(rate=1, idle_rate=1))
    after = Config(camera=Camera(rate=8, idle_rate=2.5), mood=MoodSection(dwell_s=0))
    with SqliteCatalogue(":memory:") as catalogue:
        pipeline = build_pipeline(before, *build_vision(before), catalogue, seed=1)
        controller = Controller(pipeline, frame_rate(before), JsonFile(tmp_path / "settings.json"))
        relist = reconfigurer(build_maintenance(before, tmp_path), lambda: None, before.playback.backend)
        apply_config(pipeline, controller, relist, None, after)
    assert controller.frame_rate == frame_rate(before)
    assert pipeline.mood_config == after.mood.tracker.at_rate(1)
    assert pipeline.mood_config != after.mood.tracker.at_rate(8)


def test_the_policy_of_faces_chooses_one_face_or_reads_all() -> None:
    _, one = build_vision(Config.model_validate({"faces": {"policy": "largest"}}))
    _, every = build_vision(Config.model_validate({"faces": {"policy": "all"}}))
    assert isinstance(one, ChosenFaceClassifier)
    assert isinstance(every, TfliteClassifier)
