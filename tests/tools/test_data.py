from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from tools.fer2013 import LABELS, DataError, Split, clean, jitter, load, model_input
from tools.metrics import calibration_error, figures, fit_temperature, softmax

ROOT = Path(__file__).resolve().parent.parent.parent


def image(seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (48, 48)).astype(np.uint8)


def png(seed: int) -> bytes:
    return bytes(cv2.imencode(".jpg", image(seed))[1].tobytes())


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A little FER2013: two images of each emotion to train, one to test."""
    path = tmp_path / "fer.zip"
    with zipfile.ZipFile(path, "w") as out:
        for number, label in enumerate(LABELS):
            for copy in range(2):
                out.writestr(f"train/{label}/Training_{number}{copy}.jpg", png(number * 2 + copy))
            out.writestr(f"test/{label}/PublicTest_{number}.jpg", png(100 + number))
        out.writestr("README", "not an image")
    return path


def test_a_zip_and_a_folder_are_read_alike(archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive) as inside:
        inside.extractall(tmp_path / "folder")
    one, other = load(archive, "train"), load(tmp_path / "folder", "train")
    assert one.images.shape == (14, 48, 48)
    assert sorted(one.labels.tolist()) == sorted(other.labels.tolist())
    assert load(archive, "test").labels.tolist() == list(range(7))


def test_what_is_no_data_set_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty.zip").write_bytes(b"")
    for path in (tmp_path / "none.zip", tmp_path / "empty.zip", tmp_path):
        with pytest.raises(DataError, match="Kaggle layout"):
            load(path, "train")
    with zipfile.ZipFile(tmp_path / "broken.zip", "w") as out:
        out.writestr("train/happy/1.jpg", b"no image")
    with pytest.raises(DataError, match="train/happy/1.jpg is not a 48x48 image"):
        load(tmp_path / "broken.zip", "train")


def test_repeats_and_images_of_the_test_split_are_dropped() -> None:
    pictures = [image(seed) for seed in (1, 1, 1, 2, 2, 3, 4)]
    train = Split(np.stack(pictures), np.array([0, 0, 5, 1, 2, 3, 4]))
    test = Split(np.stack([image(3)]), np.array([6]))
    kept, dropped = clean(train, test)
    assert kept.labels.tolist() == [0, 4], "the majority's label; a tie goes altogether"
    assert dropped == {"repeated": 2, "repeated with differing labels": 2, "also in test": 1}


def test_jitter_is_of_the_seed_and_varies() -> None:
    face = image(1)
    one, again = (jitter(face, np.random.default_rng(5)) for _ in range(2))
    assert (one == again).all()
    assert one.dtype == np.uint8
    assert one.shape == (48, 48)
    assert (jitter(face, np.random.default_rng(6)) != one).any()


def test_the_model_s_input_is_what_the_daemon_makes() -> None:
    given = model_input(np.stack([image(1), image(2)]))
    assert given.shape == (2, 48, 48, 1)
    assert given.dtype == np.float32
    assert -1 <= given.min() < 0 < given.max() < 1


def test_figures_against_a_reckoning_by_hand() -> None:
    probabilities = np.full((4, 7), 0.05)
    for row, (guess, sure) in enumerate([(0, 0.7), (0, 0.7), (1, 0.7), (1, 0.7)]):
        probabilities[row, guess] = sure
    found = figures(probabilities, np.array([0, 1, 1, 1]))
    assert found.accuracy == 0.75
    assert found.recall["angry"] == 1
    assert found.recall["disgust"] == pytest.approx(2 / 3)
    assert found.macro_f1 == pytest.approx((2 / 3 + 4 / 5) / 7)
    assert found.confusion[1].tolist() == [1, 2, 0, 0, 0, 0, 0]
    assert found.ece == pytest.approx(0.05)
    assert calibration_error(probabilities, np.array([2, 2, 2, 2])) == pytest.approx(0.7)


def test_the_temperature_makes_too_sure_logits_honest() -> None:
    rng = np.random.default_rng(2)
    truth = rng.normal(0, 1.5, (4000, 7))
    labels = np.array([rng.choice(7, p=row) for row in softmax(truth, 1.0)])
    assert fit_temperature(truth * 3, labels) == pytest.approx(3, rel=0.1)


def test_the_shipped_model_reads_at_least_60_in_100_of_publictest(shared: Path) -> None:
    command = [
        sys.executable,
        str(ROOT / "tools" / "evaluate.py"),
        "--json",
        "--data",
        str(shared / "data/fer2013.zip"),
    ]
    out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    found = json.loads(out.stdout)
    assert found["images"] == 3589
    assert found["accuracy"] >= 0.60
    assert found["model_bytes"] < 1_000_000
    assert set(found) >= {"macro_f1", "recall", "ece", "ms_per_inference"}


def test_evaluate_says_what_is_wrong(tmp_path: Path, archive: Path) -> None:
    def evaluate(*args: str) -> tuple[int, str]:
        command = [sys.executable, str(ROOT / "tools" / "evaluate.py"), *args]
        out = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        return out.returncode, out.stderr

    code, err = evaluate("--data", str(tmp_path / "none.zip"))
    assert code == 69
    assert "Kaggle layout" in err
    code, err = evaluate("--data", str(archive), str(tmp_path / "none.tflite"))
    assert code == 78
    assert "none.tflite" in err


def test_through_the_pipeline_names_what_was_found(archive: Path) -> None:
    command = [
        sys.executable,
        str(ROOT / "tools" / "evaluate.py"),
        "--json",
        "--through-pipeline",
        "--data",
        str(archive),
    ]
    out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(io.StringIO(out.stdout).read())["found"] == 0, "noise has no face"
