"""The fit of a room's temperature and prior, on readings whose right ones are known."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tools.fit_room import at_most, factor_of, fit_prior, fit_room
from tools.training.fer2013 import LABELS
from tools.training.metrics import calibration_error, right_at, softmax
from tools.training.photos import Photos, class_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHARES = np.array([0.1, 0.05, 0.05, 0.2, 0.4, 0.15, 0.05])


def readings(temperature: float, prior: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return logits (n, 7) that this temperature and prior calibrate, and labels drawn by them."""
    rng = np.random.default_rng(2)
    scores = rng.dirichlet(SHARES * 4, 20_000).clip(1e-9)
    labels = np.array([rng.choice(len(LABELS), p=row / row.sum()) for row in scores])
    return (np.log(scores) - prior) * temperature, labels


def test_temperature_and_prior_that_calibrate_are_found() -> None:
    prior = np.array([0.3, 0.0, 0.0, 2.0, 1.5, -0.5, 0.4])
    logits, labels = readings(0.7, prior)
    shares = np.bincount(labels, minlength=len(LABELS)) / len(labels)
    temperature, found = fit_room(logits, labels, shares, np.ones(len(LABELS)))
    assert temperature == pytest.approx(0.7, abs=0.051)
    assert found == pytest.approx(prior, abs=0.25)
    assert calibration_error(softmax(logits / temperature + found, 1.0), labels) < 0.02


def test_what_counts_more_is_read_more_often() -> None:
    logits, labels = readings(1.0, np.zeros(len(LABELS)))
    sad = LABELS.index("sad")
    recalls = []
    for factor in (1.0, 5.0):
        factors = np.ones(len(LABELS))
        factors[sad] = factor
        read = (logits + fit_prior(logits, labels, class_weights(labels, SHARES * factors))).argmax(axis=1)
        recalls.append((read == sad)[labels == sad].mean())
    assert recalls[1] > recalls[0] + 0.1


def test_weights_stand_for_repeated_readings() -> None:
    rng = np.random.default_rng(4)
    scores, labels = rng.dirichlet(np.ones(7) * 0.2, 400), rng.integers(0, 7, 400)
    repeated = np.concatenate([np.arange(400), np.flatnonzero(labels == 3)])
    weights = np.where(labels == 3, 2.0, 1.0)
    expected = calibration_error(scores[repeated], labels[repeated])
    assert calibration_error(scores, labels, weights) == pytest.approx(expected)
    assert right_at(scores, labels, weights) == pytest.approx(right_at(scores[repeated], labels[repeated]))


def test_no_emotion_has_more_photographs_than_asked_for() -> None:
    labels = np.array([3, 3, 3, 3, 3, 5, 5])
    photos = Photos([np.full((2, 2), at, np.uint8) for at in range(7)], labels, [str(at) for at in range(7)])
    chosen = at_most(photos, 3)
    assert chosen.names == ["0", "2", "4", "5", "6"]
    assert chosen.labels.tolist() == [3, 3, 3, 5, 5]
    assert [int(image[0, 0]) for image in chosen.images] == [0, 2, 4, 5, 6]


def test_a_factor_is_of_an_emotion_and_positive() -> None:
    assert factor_of("sad=7") == ("sad", 7.0)
    for wrong in ("sadness=7", "sad", "sad=0", "sad=x", "sad=nan"):
        with pytest.raises(argparse.ArgumentTypeError, match="like sad=5"):
            factor_of(wrong)
