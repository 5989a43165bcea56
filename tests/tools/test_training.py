"""Training and conversion on a handful of drawn pictures; only where script/train-env has made .train-env."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

import cv2
import numpy as np
import pytest

from musicond.vision.classifier import TfliteClassifier
from tools.training.fer2013 import LABELS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = ROOT / ".train-env" / "bin" / "python"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven textures, an emotion each: 12 images to train on, 3 to test."""
    if not PYTHON.exists():
        pytest.skip("no .train-env; script/train-env makes it")
    path = tmp_path_factory.mktemp("data") / "fer.zip"
    rng = np.random.default_rng(1)
    with zipfile.ZipFile(path, "w") as out:
        for number, label in enumerate(LABELS):
            for copy in range(15):
                coarse = rng.integers(0, 256, (3 + 2 * number, 3 + 2 * number)).astype(np.uint8)
                picture = cv2.resize(coarse, (48, 48), interpolation=cv2.INTER_CUBIC)
                name = f"train/{label}/Training_{copy}.jpg" if copy < 12 else f"test/{label}/PublicTest_{copy}.jpg"
                out.writestr(name, cv2.imencode(".jpg", picture)[1].tobytes())
    return path


@pytest.fixture(scope="module")
def with_torch(data: Path) -> Path:
    """The data, where torch is there."""
    if subprocess.run([PYTHON, "-c", "import torch"], capture_output=True, check=False).returncode:
        pytest.skip("no torch in .train-env; script/train-env torch brings it")
    return data


def command(data: Path, out: Path, *more: str) -> list[str]:
    return [
        *(str(PYTHON), str(ROOT / "tools" / "train.py"), "--data", str(data), "--out", str(out)),
        *("--size", "small", "--batch", "16", "--hold-out", "14", *more),
    ]


def distil(data: Path, out: Path, *more: str) -> list[str]:
    return [
        *(str(PYTHON), str(ROOT / "tools" / "distil.py"), "--data", str(data), "--out", str(out)),
        *("--size", "small", "--batch", "16", "--hold-out", "14", "--threads", "1", *more),
    ]


def lines(stream: IO[str]) -> Iterator[dict[str, float]]:
    for line in stream:
        if line.startswith("{"):
            yield json.loads(line)


@pytest.mark.slow
def test_a_killed_training_goes_on_after_its_last_epoch_and_its_model_converts(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with subprocess.Popen(command(data, out, "--epochs", "60"), stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        printed = lines(first.stdout)
        assert next(printed)["epoch"] == 1
        next(printed)  # said before the second is saved: the first is on the disk by now
        first.kill()
    done = len(json.loads((out / "log.json").read_text())["epochs"])
    assert 1 <= done < 60
    again = subprocess.run(
        command(data, out, "--epochs", str(done + 2)), capture_output=True, text=True, check=True, timeout=400
    )
    assert f"resuming after epoch {done}" in again.stdout
    epochs = json.loads((out / "log.json").read_text())["epochs"]
    assert [entry["epoch"] for entry in epochs] == list(range(1, done + 3))
    assert (out / "curve.png").stat().st_size > 1000

    models = tmp_path / "models"
    subprocess.run(
        [
            *(str(PYTHON), str(ROOT / "tools" / "quantize.py"), str(out / "averaged.keras"), "--data", str(data)),
            *("--out", str(models), "--samples", "20", "--faces", "40", "--scenes", "40", "--crops", "4"),
            *("--hold-out", "14"),
        ],
        capture_output=True,
        check=True,
        timeout=400,
    )
    reader, plain = TfliteClassifier(models / "fer_int8.tflite"), np.zeros((48, 48), np.int8)
    assert reader.logits(plain).shape == (7,)
    assert np.array_equal(reader.logits(plain), reader.logits(plain, room=True)), "it has no layer for rooms"
    assert (models / "fer_student.npz").stat().st_size < 2_000_000

    teacher = tmp_path / "teacher.npz"
    taught = [str(PYTHON), str(ROOT / "tools" / "teach.py"), str(models / "fer_student.npz"), "--data", str(data)]
    subprocess.run([*taught, "--out", str(teacher)], capture_output=True, check=True, timeout=400)
    student = command(data, tmp_path / "student", "--epochs", "1", "--teacher", str(teacher), "--workers", "2")
    learnt = subprocess.run(student, capture_output=True, text=True, check=True, timeout=400)
    assert "accuracy on the test split" in learnt.stdout


@pytest.mark.slow
def test_a_student_learns_from_a_teacher_and_a_second_run_goes_on_from_both(with_torch: Path, tmp_path: Path) -> None:
    out, work = tmp_path / "out", tmp_path / "work"
    command = distil(with_torch, out, "--work", str(work), "--teachers", "1", "--minutes", "0.4")
    first = subprocess.run(command, capture_output=True, text=True, check=True, timeout=400)
    assert "resuming" not in first.stdout
    with np.load(out / "teacher.npz") as opinions:
        assert opinions["logits"].shape == (84, 7)
        assert opinions["logits"].dtype == np.float16
    log = json.loads((out / "log.json").read_text())
    assert log["epochs"][-1]["test_accuracy"] >= 0
    teacher = (work / "teacher-0.pt").stat().st_mtime_ns

    keras = [
        *(str(PYTHON), str(ROOT / "tools" / "teach.py"), str(out / "student.npz"), "--data", str(with_torch)),
        *("--out", str(tmp_path / "said.npz")),
    ]
    subprocess.run(keras, capture_output=True, check=True, timeout=400)

    own = ["--learn-from", str(out / "student.npz"), "--start", str(out / "student.npz")]
    refused = subprocess.run([*command, *own], capture_output=True, text=True, check=False, timeout=400)
    assert refused.returncode == 2
    assert "state.pt: a training of other settings (learn_from, mixup, start, " in refused.stderr
    again = [*distil(with_torch, tmp_path / "again", "--work", str(work), "--minutes", "0.1"), *own]
    subprocess.run(again, capture_output=True, check=True, timeout=400)
    finished = (out / "student.npz").read_bytes()
    second = subprocess.run(command, capture_output=True, text=True, check=True, timeout=400)
    assert f"resuming after epoch {len(log['epochs'])}\n" in second.stdout
    assert (out / "student.npz").read_bytes() == finished, "a finished training stays as it is"
    assert (work / "teacher-0.pt").stat().st_mtime_ns == teacher, "a teacher that is there is not trained again"


@pytest.fixture
def learnt(with_torch: Path, tmp_path: Path) -> Path:
    """A small student that has learnt next to nothing."""
    first = distil(with_torch, tmp_path / "first", "--teachers", "1", "--minutes", "0.4")
    subprocess.run(first, capture_output=True, check=True, timeout=400)
    return tmp_path / "first" / "student.npz"


@pytest.mark.slow
def test_students_hear_views_that_were_written_once_and_their_average_converts(
    data: Path, learnt: Path, tmp_path: Path
) -> None:
    views = tmp_path / "views"
    shared = ["--work", str(views), "--start", str(learnt), "--learn-from", str(learnt), "--views", "3"]
    written: list[dict[str, int]] = []
    for seed in ("1", "2"):
        trained = distil(data, tmp_path / seed, *shared, "--minutes", "0.3", "--seed", seed)
        subprocess.run(trained, capture_output=True, check=True, timeout=400)
        written.append({path.name: path.stat().st_mtime_ns for path in views.iterdir()})
        log = json.loads((tmp_path / seed / "log.json").read_text())
        assert "teachers" not in log["settings"], "no teachers were trained"
        assert len(log["epochs"]) > 6, "each view is heard more than once"
    assert sorted(written[0]) == ["view-0.npz", "view-1.npz", "view-2.npz", "view-late-0.npz", "views.json"]
    assert written[1] == written[0], "the second student hears what the first wrote down"
    pictures = []
    for name in ("view-0", "view-1", "view-late-0"):
        with np.load(views / f"{name}.npz") as view:
            pictures.append(view["levels"])
            assert np.allclose(view["learnt"][:, :7].sum(axis=1), 1, atol=0.01)
            assert np.allclose(view["learnt"][:, 7:].sum(axis=1), 1, atol=0.01)
    assert [picture.shape[2] for picture in pictures] == [40, 40, 48]
    assert not np.array_equal(pictures[0], pictures[1])

    (views / "view-1.npz").unlink()
    again = distil(data, tmp_path / "again", *shared, "--minutes", "0.3", "--seed", "3")
    subprocess.run(again, capture_output=True, check=True, timeout=400)
    with np.load(views / "view-1.npz") as view:
        assert np.array_equal(view["levels"], pictures[1]), "a lost view comes back as it was"

    other = distil(data, tmp_path / "other", *shared, "--minutes", "0.3", "--temperature", "3")
    refused = subprocess.run(other, capture_output=True, text=True, check=False, timeout=400)
    assert refused.returncode == 2
    assert f"distil: {views}: holds views of other settings (temperature); give another --work" in refused.stderr

    models = tmp_path / "models"
    students = [tmp_path / seed / "student.npz" for seed in ("1", "2")]
    quantize = [
        *(str(PYTHON), str(ROOT / "tools" / "quantize.py"), *map(str, students), "--data", str(data)),
        *(
            "--out",
            str(models),
            "--samples",
            "20",
            "--faces",
            "40",
            "--scenes",
            "40",
            "--crops",
            "4",
            "--hold-out",
            "14",
        ),
    ]
    subprocess.run(quantize, capture_output=True, check=True, timeout=400)
    assert TfliteClassifier(models / "fer_int8.tflite").logits(np.zeros((48, 48), np.int8)).shape == (7,)
    assert len(json.loads((models / "fer_int8.json").read_text())["trained"]["average_of"]) == 2
    with np.load(students[0]) as first, np.load(students[1]) as second, np.load(models / "fer_student.npz") as mean:
        assert not np.allclose(first["w000"], second["w000"])
        for key in first.files:
            assert np.allclose((first[key] + second[key]) / 2, mean[key], rtol=0.002, atol=0.002)


@pytest.mark.slow
def test_a_student_of_another_size_is_told_with_its_file(with_torch: Path, learnt: Path, tmp_path: Path) -> None:
    large = distil(
        with_torch, tmp_path / "large", "--size", "large", "--start", str(learnt), "--learn-from", str(learnt)
    )
    done = subprocess.run(large, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 2
    assert f"distil: {learnt}: not the weights of a large network" in done.stderr
    quantize = [
        *(str(PYTHON), str(ROOT / "tools" / "quantize.py"), str(ROOT / "models" / "fer_student.npz"), str(learnt)),
        *("--data", str(with_torch), "--out", str(tmp_path / "models")),
    ]
    done = subprocess.run(quantize, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 2
    assert f"quantize: {learnt}: a small network, " in done.stderr
    assert not (tmp_path / "models").exists()
    broken = tmp_path / "broken.npz"
    broken.write_bytes(learnt.read_bytes()[:1000])
    cut = distil(with_torch, tmp_path / "cut", "--start", str(broken), "--learn-from", str(learnt))
    done = subprocess.run(cut, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 2
    assert f"distil: {broken}: no weights in it" in done.stderr
    keras = [*command(with_torch, tmp_path / "keras", "--start", str(learnt)), "--size", "large"]
    done = subprocess.run(keras, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 2
    assert f"train: {learnt}: a small network; give --size small" in done.stderr


@pytest.mark.slow
def test_an_equivariant_student_comes_in_mirrored_pairs(with_torch: Path, learnt: Path, tmp_path: Path) -> None:
    options = ["--learn-from", str(learnt), "--equivariant", "--minutes", "0.15"]
    subprocess.run(distil(with_torch, tmp_path / "one", *options), capture_output=True, check=True, timeout=400)
    student = tmp_path / "one" / "student.npz"
    with np.load(student) as weights:
        stem, norm, halving, dense = (weights[name] for name in ("w000", "w001", "w005", weights.files[-2]))
    kernels, channels = stem.shape[3] // 2, halving.shape[3] // 2
    assert np.array_equal(stem[..., kernels:], stem[:, ::-1, :, :kernels])
    assert np.array_equal(halving[..., channels:], np.roll(halving[:, ::-1, :, :channels], kernels, axis=2))
    assert not np.allclose(halving[:, :, :kernels, :channels], halving[:, :, kernels:, :channels])
    assert np.array_equal(norm[:kernels], norm[kernels:])
    assert np.array_equal(dense[: len(dense) // 2], dense[len(dense) // 2 :])
    further = distil(with_torch, tmp_path / "two", *options, "--start", str(student))
    subprocess.run(further, capture_output=True, check=True, timeout=400)
    plain = distil(with_torch, tmp_path / "three", *options, "--start", str(learnt))
    refused = subprocess.run(plain, capture_output=True, text=True, check=False, timeout=400)
    assert refused.returncode == 2
    assert f"distil: {learnt}: not the weights of an equivariant network; leave --start or" in refused.stderr
