"""The benches of photographs, on pictures laid together from the demo's composites: no photograph of a person."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from musicond.core.mood.tracker import Observation
from tools import evaluate, evaluate_over_time
from tools.evaluate_over_time import Watched, summary
from tools.training.fer2013 import LABELS, DataError
from tools.training.photos import BANDS, Photos, by_age, load, photo_figures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    Call = Callable[..., tuple[int, str, str]]

ROOT = Path(__file__).resolve().parent.parent.parent
KEYS = {"found", "weighted", "mean_recall", "recall", "ece", "resting_wrong", "images"}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip of two people: one rests twice and smiles, the other is surprised."""
    strip = cv2.imread(str(ROOT / "models" / "demo.png"), cv2.IMREAD_GRAYSCALE)
    assert strip is not None
    faces = dict(zip(LABELS, np.split(strip, len(LABELS), axis=1), strict=True))
    path = tmp_path_factory.mktemp("photos") / "photos.zip"
    with zipfile.ZipFile(path, "w") as out:
        for name, label in (("1_0", "neutral"), ("1_1", "neutral"), ("1_2", "happy"), ("2_0", "surprise")):
            picture = cv2.copyMakeBorder(faces[label], 30, 30, 25, 25, cv2.BORDER_REPLICATE)
            out.writestr(f"test/{label}/{name}.jpg", cv2.imencode(".jpg", picture)[1].tobytes())
    return path


def run(tool: str, *args: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / tool), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def test_photographs_are_read_with_their_names_and_people(photos: Path) -> None:
    loaded = load(photos, "test")
    assert loaded.names == ["happy/1_2", "neutral/1_0", "neutral/1_1", "surprise/2_0"]
    assert loaded.persons == ["1", "1", "1", "2"]
    assert loaded.images[0].ndim == 2


def test_the_bench_prints_what_the_daemon_reads_of_them(photos: Path, tmp_path: Path) -> None:
    sheet, ages = tmp_path / "worst.png", tmp_path / "ages.json"
    ages.write_text(json.dumps({"neutral/1_0": 35.0, "neutral/1_1": 52.5}))
    done = run("evaluate.py", "--photos", photos, "--json", "--contact-sheet", sheet, "--ages", ages)
    report = json.loads(done.stdout)
    assert report.keys() >= KEYS
    assert report["images"] == 4
    assert report["found"] >= 0.75
    assert report["by_age"]["30 to 40"]["neutral faces"] <= 1
    assert sheet.stat().st_size > 1000


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Call]:
    """Run a tool in this process, which spares the start of another one; it returns its status and what it prints."""
    threads = cv2.getNumThreads()

    def call(tool: ModuleType, *args: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", [str(tool.__file__), *map(str, args)])
        status = tool.main()
        return status, *capsys.readouterr()

    yield call
    cv2.setNumThreads(threads)


def test_stored_readings_are_scored_by_the_sidecar_as_it_is_now(photos: Path, tmp_path: Path, call: Call) -> None:
    model, store = tmp_path / "fer_int8.tflite", tmp_path / "readings.npz"
    shutil.copy(ROOT / "models" / model.name, model)
    sidecar = json.loads((ROOT / "models" / "fer_int8.json").read_text())

    def report(tool: ModuleType, *more: str | Path) -> dict[str, Any]:
        status, printed, errors = call(tool, "--photos", photos, "--json", *more, model)
        assert status == 0, errors
        parsed: dict[str, Any] = json.loads(printed)
        return parsed

    def shift(**shifts: float) -> None:
        model.with_suffix(".json").write_text(json.dumps(sidecar | {"room_prior": shifts}))

    stored, people = ("--store", store), ("--people", "1", "--seconds", "4")
    shift(neutral=1.0, happy=1.0)
    first, moods = report(evaluate, *stored), report(evaluate_over_time, *stored, *people)
    assert report(evaluate, *stored) == first
    assert moods == report(evaluate_over_time, *people)
    shift(sad=10.0, neutral=-10.0, happy=-10.0, surprise=-10.0)
    assert report(evaluate, *stored)["recall"] == {"happy": 0.0, "neutral": 0.0, "surprise": 0.0}
    assert report(evaluate_over_time, *stored, *people)["announced_wrong"] == 1.0
    status, _, errors = call(evaluate, "--photos", photos, *stored, "--first", "2", model)
    assert status == 69
    assert "give another --store" in errors


def test_readings_of_other_photographs_are_refused_and_so_is_a_group_without_people(
    photos: Path, tmp_path: Path, call: Call
) -> None:
    other, store = tmp_path / "other.zip", ("--store", tmp_path / "readings.npz")
    with zipfile.ZipFile(photos) as source, zipfile.ZipFile(other, "w") as out:
        for name in source.namelist():
            if "happy" not in name:
                out.writestr(name, source.read(name))
    assert call(evaluate, "--photos", photos, *store)[0] == 0
    status, _, errors = call(evaluate, "--photos", other, *store)
    assert (status, "give another --store" in errors) == (69, True)
    status, _, errors = call(evaluate_over_time, "--photos", other, *store, "--seconds", "1")
    assert (status, "no happy person in test" in errors) == (69, True)
    with pytest.raises(DataError, match="no resting person was read"):
        summary([Watched([Observation(0.0, present=False, scores=None)], [])], [])


def test_a_zip_without_photographs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("test/readme.txt", "nothing")
    done = run("evaluate.py", "--photos", path)
    assert done.returncode == 69
    assert "no images below test/" in done.stderr


def test_people_are_watched_over_time(photos: Path) -> None:
    picture = photos.with_name("trade.png")
    options = ("--people", "1", "--seconds", "4", "--trade", "--picture", picture, "--json")
    done = run("evaluate_over_time.py", "--photos", photos, *options)
    report = json.loads(done.stdout)
    assert report["resting_people"] == 1
    assert 0 <= report["announced_wrong"] <= 1
    assert len(report["trade"]) > 5
    assert cv2.imread(str(picture)) is not None


def test_calibrating_learns_from_one_neutral_photograph(photos: Path) -> None:
    report = json.loads(run("evaluate_calibration.py", "--photos", photos, "--json").stdout)
    assert report["everyone"]["people"] == 1
    assert report["everyone"]["photographs"] == 2


def test_the_figures_are_what_they_are_called() -> None:
    labels = np.array([LABELS.index(name) for name in ("neutral", "neutral", "neutral", "happy")])
    photos = Photos(
        [np.zeros((9, 9), np.uint8)] * 4, labels, ["neutral/1_0", "neutral/2_0", "neutral/3_0", "happy/4_0"]
    )
    sure = np.full((3, 7), 0.02)
    for row, name in enumerate(("neutral", "sad", "happy")):
        sure[row, LABELS.index(name)] = 0.88
    detected = np.array([True, True, False, True])
    report = photo_figures(photos, detected, sure, 0.42)
    assert report["found"] == 0.75
    assert report["weighted"] == pytest.approx(0.75 * 0.5 + 0.25 * 1.0)
    assert report["resting_wrong"] == 0.5
    ages = by_age(photos, detected, sure, {"neutral/1_0": 29.9, "neutral/2_0": 44.0})
    assert ages["under 30"]["neutral"] == 1.0
    assert ages["40 to 50"]["neutral"] == 0.0
    assert ages.keys() == BANDS.keys()
