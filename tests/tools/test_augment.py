from __future__ import annotations

import numpy as np
import pytest

from tools.training import face_unit
from tools.training.augment import Batches, Phase, jitter, mixed, targets
from tools.training.fer2013 import Split
from tools.training.robustness import CHANGES


def images(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(3).integers(0, 256, (count, 48, 48)).astype(np.uint8)


def split(count: int) -> Split:
    return Split(images(count), np.arange(count) % 7, np.arange(count))


def test_jitter_is_of_the_seed_and_varies() -> None:
    face = images(1)[0]
    first, again = (jitter(face, np.random.default_rng(5)) for _ in range(2))
    assert (first == again).all()
    assert first.dtype == np.uint8
    assert first.shape == (48, 48)
    assert (jitter(face, np.random.default_rng(6)) != first).any()


def test_a_batch_is_of_seed_epoch_and_index() -> None:
    data = split(21)
    batches = Batches(data, targets(data.labels, 0.1), size=8, seed=4)
    assert len(batches) == 2
    phase = Phase(side=40)
    x, y = batches.batch(3, 1, phase)
    again, _ = batches.batch(3, 1, phase)
    other, _ = batches.batch(4, 1, phase)
    assert x.shape == (8, 40, 40, 1)
    assert x.dtype == np.float32
    assert (x == again).all()
    assert (x != other).any()
    assert y.sum(axis=1) == pytest.approx(np.ones(8), abs=1e-5)


def test_an_epoch_takes_each_image_once() -> None:
    data = split(14)
    labels = np.concatenate(
        [Batches(data, targets(data.labels, 0.0), 7, 1).batch(0, i, Phase(mixup=0))[1] for i in (0, 1)]
    )
    assert labels.argmax(axis=1).tolist().count(3) == 2


def test_targets_blend_labels_and_a_teacher() -> None:
    labels = np.array([0, 6])
    assert targets(labels, 0.7)[0].tolist() == pytest.approx([0.4, *[0.1] * 6])
    teacher = np.zeros((2, 7), np.float16)
    teacher[:, 3] = 20
    learnt = targets(labels, 0.0, teacher, 0.75)
    assert learnt[0].tolist() == pytest.approx([0.25, 0, 0, 0.75, 0, 0, 0], abs=1e-4)


@pytest.mark.parametrize("seed", range(12))
def test_mixing_keeps_shares_that_sum_to_one_and_fit_the_pixels(seed: int) -> None:
    x = np.stack([np.full((40, 40, 1), value, np.float32) for value in (0.0, 1.0)])
    out, y = mixed(x, np.eye(7, dtype=np.float32)[:2], np.random.default_rng(seed), 1.0)
    assert y.sum(axis=1) == pytest.approx(np.ones(2))
    assert out[0].mean() == pytest.approx(y[0, 1], abs=1e-3), "as much of the other as its label says"


def test_no_alpha_mixes_nothing() -> None:
    x, y = np.ones((2, 4, 4, 1), np.float32), np.eye(2, dtype=np.float32)
    assert mixed(x, y, np.random.default_rng(1), 0.0) == (x, y)


def test_the_face_unit_learns_what_can_be_told_apart() -> None:
    rng = np.random.default_rng(1)
    is_face = np.repeat([1.0, 0.0], 300)
    features = rng.normal(0, 1, (600, 5)) + 3 * is_face[:, None] * np.array([1, 0, 0, -1, 0])
    weights, bias = face_unit.fit(features, is_face)
    assert np.mean((features @ weights + bias > 0) == is_face) > 0.97


def test_pictures_for_the_face_unit_are_faces_and_others() -> None:
    pictures, is_face = face_unit.pictures(split(20), 12, 30, 1)
    assert pictures.shape[1:] == (48, 48)
    assert pictures.dtype == np.uint8
    assert is_face[:24].tolist() == [1.0] * 12 + [0.0] * 12
    assert not is_face[24:].any()


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_keeps_size_and_depth_and_changes(name: str) -> None:
    image = images(1)[0]
    worse = CHANGES[name](image)
    assert worse.shape == image.shape
    assert worse.dtype == np.uint8
    assert (worse != image).any()
