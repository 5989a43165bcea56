"""What training and daemon share must not drift: preprocessing and model against stored vectors."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from tests.golden.pictures import FILE, MODEL, vectors

GOLDEN = json.loads(FILE.read_text())
NAMES = [vector["name"] for vector in GOLDEN["vectors"]]


@pytest.fixture(scope="module")
def made() -> dict[str, dict[str, object]]:
    return {str(vector["name"]): vector for vector in vectors()}


@pytest.mark.parametrize("name", NAMES)
def test_the_chip_is_the_same_to_a_rounding(made: dict[str, dict[str, object]], name: str) -> None:
    """Versions of OpenCV round their resizing differently: one level of 256, seldom."""
    [golden] = [vector for vector in GOLDEN["vectors"] if vector["name"] == name]
    difference = np.abs(np.array(made[name]["levels"]) - np.array(golden["levels"]))
    assert difference.max() <= 1
    assert difference.mean() <= 0.05


@pytest.mark.parametrize("name", NAMES)
def test_the_model_says_the_same(made: dict[str, dict[str, object]], name: str) -> None:
    [golden] = [vector for vector in GOLDEN["vectors"] if vector["name"] == name]
    assert made[name]["logits"] == pytest.approx(golden["logits"], abs=0.15)


def test_the_vectors_are_of_the_shipped_model() -> None:
    assert hashlib.sha256(MODEL.read_bytes()).hexdigest() == GOLDEN["model"]
