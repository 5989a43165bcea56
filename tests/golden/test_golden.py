"""Preprocessing and model, which training and daemon share, give the stored vectors."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from tests.golden.pictures import FILE, MODEL, vectors

GOLDEN = json.loads(FILE.read_text())
NAMES = [vector["name"] for vector in GOLDEN["vectors"]]


@pytest.fixture(scope="module")
def current() -> dict[str, dict[str, object]]:
    return {str(vector["name"]): vector for vector in vectors()}


@pytest.mark.parametrize("name", NAMES)
def test_the_chip_is_the_same_to_a_rounding(current: dict[str, dict[str, object]], name: str) -> None:
    """Allow one level of 256 in few pixels, as versions of OpenCV round differently when they resize."""
    [golden] = [vector for vector in GOLDEN["vectors"] if vector["name"] == name]
    difference = np.abs(np.array(current[name]["levels"]) - np.array(golden["levels"]))
    assert difference.max() <= 1
    assert difference.mean() <= 0.05


@pytest.mark.parametrize("name", NAMES)
def test_the_model_says_the_same(current: dict[str, dict[str, object]], name: str) -> None:
    [golden] = [vector for vector in GOLDEN["vectors"] if vector["name"] == name]
    assert golden["logits"] != golden["room_logits"]
    for logits in ("logits", "room_logits"):
        assert current[name][logits] == pytest.approx(golden[logits], abs=0.15)


def test_the_vectors_are_of_the_shipped_model() -> None:
    assert hashlib.sha256(MODEL.read_bytes()).hexdigest() == GOLDEN["model"]
