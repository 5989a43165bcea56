"""Going on with photographs, on drawn pictures and the demo's composites; only where .train-env holds torch."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from musicond.vision.classifier import TfliteClassifier
from tools.training.fer2013 import LABELS

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = ROOT / ".train-env" / "bin" / "python"
START = """
import sys, numpy as np, torch
sys.path.insert(0, sys.argv[1])
from tools.training.sizes import SIZES
from tools.training.torch_network import Network
torch.manual_seed(1)
weights = Network(SIZES["small"], equivariant=True).weights()
np.savez(sys.argv[2] + "/start.npz", **{f"w{n:03}": each for n, each in enumerate(weights)})
np.savez(sys.argv[2] + "/teacher.npz", logits=np.zeros((84, 7), np.float16))
"""


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with fer.zip, photos.zip, and weights and logits to begin with."""
    if (
        not PYTHON.exists()
        or subprocess.run([PYTHON, "-c", "import torch"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no torch in .train-env; script/train-env torch brings it")
    folder, rng = tmp_path_factory.mktemp("adapt"), np.random.default_rng(1)
    strip = cv2.imread(str(ROOT / "models" / "demo.png"), cv2.IMREAD_GRAYSCALE)
    assert strip is not None
    with zipfile.ZipFile(folder / "fer.zip", "w") as fer, zipfile.ZipFile(folder / "photos.zip", "w") as photos:
        for label, face in zip(LABELS, np.split(strip, len(LABELS), axis=1), strict=True):
            for copy in range(13):
                picture = rng.integers(0, 256, (48, 48)).astype(np.uint8)
                name = f"train/{label}/Training_{copy}.jpg" if copy < 12 else f"test/{label}/PublicTest_{copy}.jpg"
                fer.writestr(name, cv2.imencode(".jpg", picture)[1].tobytes())
            for person in range(4):
                shown = cv2.copyMakeBorder(face, 20 + person, 30, 25, 25, cv2.BORDER_REPLICATE)
                photos.writestr(f"train/{label}/{label}{person}_0.jpg", cv2.imencode(".jpg", shown)[1].tobytes())
    subprocess.run([PYTHON, "-c", START, str(ROOT), str(folder)], check=True, timeout=120)
    return folder


def adapt(teachers: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(str(PYTHON), str(ROOT / "tools" / "adapt.py"), "--data", str(teachers / "fer.zip")),
            *(
                "--photos",
                str(teachers / "photos.zip"),
                "--out",
                str(teachers / "out"),
                "--size",
                "small",
                "--threads",
                "1",
            ),
            *("--start", str(teachers / "start.npz"), "--teacher", str(teachers / "teacher.npz"), "--hold-out", "14"),
            *("--batch", "24", "--photo-share", "0.25", *more),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.slow
def test_photographs_are_learnt_in_pairs_and_a_second_run_goes_on(teachers: Path) -> None:
    first = adapt(teachers, "--epochs", "1")
    assert first.returncode == 0, first.stderr
    log = json.loads((teachers / "out" / "log.json").read_text())
    assert log["photographs"] > 10
    with np.load(teachers / "out" / "student.npz") as student:
        stem = student["w000"]
    half = stem.shape[3] // 2
    assert np.allclose(stem[:, ::-1, :, :half], stem[..., half:], atol=1e-5)
    assert "resuming after step 4" in adapt(teachers, "--epochs", "1").stdout
    other = adapt(teachers, "--epochs", "1", "--rate", "0.5")
    assert other.returncode == 2
    assert "other settings" in other.stderr


@pytest.mark.slow
def test_opinions_of_other_photographs_are_refused(teachers: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "opinions.npz", photos=np.zeros((2, 7)))
    done = adapt(teachers, "--opinions", str(tmp_path / "opinions.npz"), "--out", str(tmp_path))
    assert done.returncode == 2
    assert "opinions of 2 photographs" in done.stderr


@pytest.mark.slow
def test_the_layer_for_rooms_is_fitted_beside_that_for_fer2013_and_becomes_an_output(
    teachers: Path, tmp_path: Path
) -> None:
    data = "--data", str(teachers / "fer.zip")
    refit = [
        *(str(PYTHON), str(ROOT / "tools" / "refit.py"), str(teachers / "start.npz"), *data, "--photo-weight", "0"),
        *("--photos", str(teachers / "photos.zip"), "--teacher", str(teachers / "teacher.npz"), "--size", "small"),
        *("--room-weight", "30", "--hold-out", "14", "--out", str(tmp_path)),
    ]
    subprocess.run(refit, capture_output=True, check=True, timeout=300)
    with np.load(tmp_path / "student.npz") as student, np.load(teachers / "start.npz") as start:
        names = sorted(start.files)
        assert all(np.allclose(student[name], start[name]) for name in names), "with 0 the layer stays"
        kernel = student["room_kernel"]
        assert not np.allclose(kernel, student[names[-2]])
        half, mirrored = np.split(kernel, 2)
        assert np.allclose(half, mirrored), "in mirrored pairs"
    models = tmp_path / "models"
    quantize = [
        *(str(PYTHON), str(ROOT / "tools" / "quantize.py"), str(tmp_path / "student.npz"), *data, "--hold-out", "14"),
        *("--out", str(models), "--samples", "20", "--faces", "40", "--scenes", "40", "--crops", "4"),
    ]
    subprocess.run(quantize, capture_output=True, check=True, timeout=300)
    reader, levels = TfliteClassifier(models / "fer_int8.tflite"), np.zeros((48, 48), np.int8)
    assert not np.array_equal(reader.logits(levels), reader.logits(levels, room=True))
    with np.load(models / "fer_student.npz") as student:
        assert np.allclose(student["room_kernel"], kernel, atol=1e-3)
