from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from tools.training.fer2013 import LABELS, DataError, Split, clean, hold_out, load, model_input
from tools.training.metrics import calibration_error, figures, fit_temperature, softmax
from tools.training.robustness import CHANGES

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
    zipped, unpacked = load(archive, "train"), load(tmp_path / "folder", "train")
    assert zipped.images.shape == (14, 48, 48)
    assert sorted(zipped.labels.tolist()) == sorted(unpacked.labels.tolist())
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


def split(pictures: list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]], labels: list[int]) -> Split:
    return Split(np.stack(pictures), np.array(labels), np.arange(len(labels)))


def test_repeats_and_images_of_the_test_split_are_dropped() -> None:
    train = split([image(seed) for seed in (1, 1, 1, 2, 2, 3, 4)], [0, 0, 5, 1, 2, 3, 4])
    kept, dropped = clean(train, split([image(3)], [6]))
    assert kept.labels.tolist() == [0, 4], "the majority's label; a tie goes altogether"
    assert kept.numbers.tolist() == [0, 6], "their places among all, where a teacher's logits are found"
    assert dropped == {"repeated": 2, "repeated with differing labels": 2, "also in test": 1}


def test_a_brighter_noisier_copy_also_stands_in_the_test_split() -> None:
    smooth = cv2.GaussianBlur(image(1), (0, 0), 2)
    copy = np.clip(smooth * 1.1 + np.random.default_rng(9).normal(0, 3, smooth.shape), 0, 255).astype(np.uint8)
    kept, dropped = clean(split([copy, image(2)], [0, 1]), split([np.asarray(smooth, np.uint8)], [0]))
    assert dropped["also in test"] == 1
    assert kept.numbers.tolist() == [1]


def test_images_that_resemble_others_are_not_held_out() -> None:
    train = split([image(seed) for seed in (1, 1, 2, 3, 4)], [0, 1, 2, 3, 4])
    rest, held_out = hold_out(train, 2)
    assert len(held_out.labels) == 2
    assert not {0, 1} & set(held_out.numbers.tolist())
    assert sorted([*rest.numbers, *held_out.numbers]) == [0, 1, 2, 3, 4]
    again = hold_out(train, 2)[1]
    assert again.numbers.tolist() == held_out.numbers.tolist()


def test_the_model_s_input_is_what_the_daemon_makes() -> None:
    levels = model_input(np.stack([image(1), image(2)]))
    assert levels.shape == (2, 48, 48, 1)
    assert levels.dtype == np.float32
    assert -1 <= levels.min() < 0 < levels.max() < 1


def test_figures_against_a_reckoning_by_hand() -> None:
    probabilities = np.full((4, 7), 0.05)
    for row, (guess, sure) in enumerate([(0, 0.7), (0, 0.7), (1, 0.7), (1, 0.7)]):
        probabilities[row, guess] = sure
    measured = figures(probabilities, np.array([0, 1, 1, 1]))
    assert measured.accuracy == 0.75
    assert measured.recall["angry"] == 1
    assert measured.recall["disgust"] == pytest.approx(2 / 3)
    assert measured.macro_f1 == pytest.approx((2 / 3 + 4 / 5) / 7)
    assert measured.confusion[1].tolist() == [1, 2, 0, 0, 0, 0, 0]
    assert measured.ece == pytest.approx(0.05)
    assert calibration_error(probabilities, np.array([2, 2, 2, 2])) == pytest.approx(0.7)


def test_the_temperature_makes_too_sure_logits_honest() -> None:
    rng = np.random.default_rng(2)
    truth = rng.normal(0, 1.5, (4000, 7))
    labels = np.array([rng.choice(7, p=row) for row in softmax(truth, 1.0)])
    assert fit_temperature(truth * 3, labels) == pytest.approx(3, rel=0.1)


def test_the_shipped_model_reads_at_least_70_in_100_of_publictest(shared: Path) -> None:
    command = [
        sys.executable,
        str(ROOT / "tools" / "evaluate.py"),
        "--json",
        "--data",
        str(shared / "data/fer2013.zip"),
    ]
    out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    report = json.loads(out.stdout)
    assert report["images"] == 3589
    assert report["accuracy"] >= 0.70
    assert report["macro_f1"] >= 0.675
    assert min(report["recall"].values()) >= 0.45
    assert report["ece"] <= 0.05
    assert report["model_bytes"] < 1_000_000
    assert report["ms_per_inference"] > 0


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


def test_evaluate_tells_what_was_asked_for(archive: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(ROOT / "tools" / "evaluate.py"),
        "--json",
        "--through-pipeline",
        "--robustness",
        "--confusion",
        str(tmp_path / "confusion.png"),
        "--data",
        str(archive),
    ]
    out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    report = json.loads(out.stdout)
    assert report["found"] == 0, "noise has no face"
    assert set(report["robustness"]) == set(CHANGES)
    picture = cv2.imread(str(tmp_path / "confusion.png"))
    assert picture is not None
    assert picture.std() > 5


def test_compare_names_the_model_that_is_not_there(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "tools" / "compare.py"), "--other", str(tmp_path / "none.tflite")]
    out = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert out.returncode == 69
    assert "none.tflite" in out.stderr.splitlines()[-1]
