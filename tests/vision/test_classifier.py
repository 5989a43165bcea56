from __future__ import annotations

import json
import math
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from musicond.config.paths import models_dir
from musicond.core.models import EMOTIONS, Box, Faces, Frame
from musicond.errors import ModelError
from musicond.vision.classifier import TfliteClassifier
from musicond.vision.interpreter import make_interpreter
from musicond.vision.preprocess import MODEL_SCALE, chip, normalise

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MODEL = models_dir() / "fer_int8.tflite"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
STRIP = cv2.imread(str(models_dir() / "demo.png"), cv2.IMREAD_GRAYSCALE)


def picture(*emotions: str, side: int = 200) -> tuple[Frame, Faces]:
    """Put composites side by side, the first one largest."""
    assert STRIP is not None
    faces = dict(zip(EMOTIONS, np.split(STRIP, 7, axis=1), strict=True))
    room: NDArray[np.uint8] = np.full((480, 640), 120, np.uint8)
    boxes = []
    for number, emotion in enumerate(emotions):
        size = side // (number + 1)
        room[100 : 100 + size, 20 + 300 * number : 20 + 300 * number + size] = cv2.resize(faces[emotion], (size, size))  # type: ignore[index]  # a StrEnum is a str
        boxes.append(Box(20 + 300 * number, 100, size, size))
    return Frame(room, 0.0, NOON), Faces(confirmed=tuple(boxes))


def test_a_face_is_read_as_seven_probabilities() -> None:
    estimate = TfliteClassifier(MODEL).classify(*picture("happy"))
    assert estimate is not None
    assert len(estimate.scores) == 7
    assert sum(estimate.scores) == pytest.approx(1)
    assert estimate.top == "happy"


def test_several_faces_are_read_as_a_mean_by_area() -> None:
    frame, faces = picture("happy", "surprise")
    first, second = (TfliteClassifier(MODEL).classify(frame, Faces(confirmed=(box,))) for box in faces.confirmed)
    assert first is not None
    assert second is not None
    both = TfliteClassifier(MODEL).classify(frame, faces)
    assert both is not None
    a, b = (box.area for box in faces.confirmed)
    expected = (np.array(first.scores) * a + np.array(second.scores) * b) / (a + b)
    assert both.scores == pytest.approx(expected.tolist())
    assert both.box == faces.confirmed[0]


def test_a_blurred_face_and_none_at_all_are_not_read() -> None:
    frame, faces = picture("happy")
    classifier = TfliteClassifier(MODEL)
    blurred = Frame(np.asarray(cv2.GaussianBlur(frame.grey, (0, 0), 25), np.uint8), 0.0, NOON)
    assert classifier.classify(blurred, faces) is None
    assert classifier.classify(frame, Faces()) is None


def pictures_in(classifier: TfliteClassifier) -> list[NDArray[Any]]:
    """Return all that the classifier and its interpreter hold of pictures and of what was computed from them."""
    interpreter, details = classifier._interpreter, classifier._input
    held = [interpreter.get_tensor(details["index"]).copy()]
    return held if classifier._last is None else [*held, *classifier._last]


def test_after_a_reset_no_picture_of_a_face_is_in_memory() -> None:
    frame, faces = picture("happy")
    classifier = TfliteClassifier(MODEL)
    first = classifier.classify(frame, faces)
    assert any(levels.any() for levels in pictures_in(classifier))
    classifier.reset()
    assert not any(levels.any() for levels in pictures_in(classifier))
    assert classifier.classify(frame, faces) == first
    classifier.reset()
    classifier.face_logit(frame.grey, faces.confirmed[0])
    classifier.reset()
    assert not any(levels.any() for levels in pictures_in(classifier))


def test_brightness_and_contrast_do_not_matter() -> None:
    frame, faces = picture("happy")
    dim = Frame(np.asarray(frame.grey * 0.5 + 20, np.uint8), 0.0, NOON)
    classifier = TfliteClassifier(MODEL)
    first, second = classifier.classify(frame, faces), classifier.classify(dim, faces)
    assert first is not None
    assert second is not None
    assert second.scores == pytest.approx(first.scores, abs=0.1)


def test_at_most_one_in_a_hundred_clear_faces_is_called_blurred(shared: Path) -> None:
    from tools.training.fer2013 import load  # noqa: PLC0415 - only where the data is

    images = load(shared / "data" / "fer2013.zip", "test").images[::10]
    classifier = TfliteClassifier(MODEL)
    whole = Faces(confirmed=(Box(0, 0, 48, 48),))
    unread = sum(classifier.classify(Frame(image, 0.0, NOON), whole) is None for image in images)
    assert unread <= len(images) / 100


def test_a_chip_repeats_the_edge_outside_the_frame() -> None:
    grey = np.tile(np.arange(100, dtype=np.uint8), (100, 1))
    cut = chip(grey, Box(-20, 10, 60, 60), 1.0)
    assert cut.shape == (48, 48)
    assert (cut[:, :14] == 0).all()
    assert cut[:, -1].mean() == pytest.approx(39, abs=2)
    with pytest.raises(ValueError, match="outside a frame of 100x100"):
        chip(grey, Box(300, 300, 40, 40), 1.0)


def test_normalising_takes_out_brightness_and_keeps_a_flat_picture_flat() -> None:
    rng = np.random.default_rng(3)
    face = rng.integers(40, 200, (48, 48)).astype(np.uint8)
    levels = normalise(face)
    assert levels.dtype == np.int8
    assert abs(float(levels.mean())) < 2
    assert float(levels.std()) == pytest.approx(52, abs=2)
    assert (normalise(np.full((48, 48), 77, np.uint8)) == 0).all()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for suffix in (".tflite", ".json"):
        shutil.copy(MODEL.with_suffix(suffix), tmp_path / f"model{suffix}")
    return tmp_path / "model.tflite"


def change(model: Path, **values: object) -> None:
    beside = model.with_suffix(".json")
    beside.write_text(json.dumps({**json.loads(beside.read_text()), **values}))


def test_a_damaged_model_is_told_from_its_checksum(copy: Path) -> None:
    content = bytearray(copy.read_bytes())
    content[1000] ^= 1
    copy.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.tflite: damaged"):
        TfliteClassifier(copy)


def test_what_is_wrong_beside_the_model_is_named(copy: Path) -> None:
    change(copy, labels=["happy", "sad"])
    with pytest.raises(ModelError, match="labels"):
        TfliteClassifier(copy)
    copy.with_suffix(".json").write_text("{")
    with pytest.raises(ModelError, match=r"model\.json: damaged"):
        TfliteClassifier(copy)
    copy.with_suffix(".json").unlink()
    with pytest.raises(ModelError, match="must stand beside the model"):
        TfliteClassifier(copy)
    copy.unlink()
    with pytest.raises(ModelError, match="install the model"):
        TfliteClassifier(copy)


def test_the_rooms_prior_shifts_what_is_read_in_a_room_only(copy: Path) -> None:
    frame, faces = picture("sad")
    levels = normalise(chip(frame.grey, faces.confirmed[0], TfliteClassifier(copy).crop_scale))
    change(copy, room_temperature=1.0, room_prior={})
    plain = TfliteClassifier(copy)
    change(copy, room_prior={"neutral": 1.0})
    shifted = TfliteClassifier(copy)
    before, after = plain.classify(frame, faces), shifted.classify(frame, faces)
    assert before is not None
    assert after is not None
    neutral, sad = EMOTIONS.index("neutral"), EMOTIONS.index("sad")
    odds = [np.log(estimate.scores[neutral] / estimate.scores[sad]) for estimate in (before, after)]
    assert odds[1] - odds[0] == pytest.approx(1.0)
    assert plain.scores(levels) == pytest.approx(shifted.scores(levels).tolist())


def test_the_rooms_temperature_divides_what_is_read_in_a_room_only(copy: Path) -> None:
    frame, faces = picture("sad")
    levels = normalise(chip(frame.grey, faces.confirmed[0], TfliteClassifier(copy).crop_scale))
    change(copy, temperature=1.0, room_temperature=2.0, room_prior={})
    reader = TfliteClassifier(copy)
    estimate = reader.classify(frame, faces)
    assert estimate is not None
    read = ((reader.scores(levels), 1.0), (np.array(estimate.scores), 2.0))
    for room, (scores, temperature) in enumerate(read):
        logits = reader.logits(levels, room=bool(room))
        assert np.log(scores / scores[0]) == pytest.approx((logits - logits[0]) / temperature)
    sidecar = copy.with_suffix(".json")
    values = json.loads(sidecar.read_text())
    del values["room_temperature"]
    sidecar.write_text(json.dumps(values))
    estimate = TfliteClassifier(copy).classify(frame, faces)
    assert estimate is not None
    logits, scores = reader.logits(levels, room=True), np.array(estimate.scores)
    assert np.log(scores / scores[0]) == pytest.approx(logits - logits[0])


def test_the_face_output_has_a_crop_of_its_own(copy: Path) -> None:
    frame, faces = picture("happy")
    before, classifier = TfliteClassifier(copy).face_logit(frame.grey, faces.confirmed[0]), TfliteClassifier(copy)
    scores = classifier.classify(frame, faces)
    change(copy, face_crop_scale=1.3)
    other = TfliteClassifier(copy)
    assert other.face_logit(frame.grey, faces.confirmed[0]) != before
    assert other.classify(frame, faces) == scores
    change(copy, room_prior=[1.0])
    with pytest.raises(ModelError, match=r"model\.json: damaged"):
        TfliteClassifier(copy)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 0), ("temperature", -1), ("temperature", math.nan), ("temperature", "hot"), ("temperature", 1e6),
        ("crop_scale", 0), ("crop_scale", 50), ("face_crop_scale", math.inf), ("room_prior", {"sad": math.nan}),
        ("room_temperature", 0),
    ],
)  # fmt: skip
def test_a_sidecar_that_can_give_no_scores_is_refused(copy: Path, name: str, value: object) -> None:
    change(copy, **{name: value})
    with pytest.raises(ModelError, match=r"model\.json: damaged .*must be a number from"):
        TfliteClassifier(copy)


def test_what_is_no_model_is_one_line(copy: Path) -> None:
    import hashlib  # noqa: PLC0415 - needed here alone

    copy.write_bytes(b"TFL3 nonsense" * 50)
    change(copy, sha256=hashlib.sha256(copy.read_bytes()).hexdigest())
    with pytest.raises(ModelError, match="not a TFLite model"):
        TfliteClassifier(copy)


def test_the_shipped_model_is_integer_from_end_to_end_and_fits_the_preprocessing() -> None:
    interpreter = make_interpreter(MODEL.read_bytes(), 1)
    types = {np.dtype(tensor["dtype"]).name for tensor in interpreter.get_tensor_details() if tensor["name"]}
    assert types <= {"int8", "int32"}
    [details] = interpreter.get_input_details()
    assert details["quantization"] == pytest.approx((MODEL_SCALE, 0), rel=0.02, abs=1.01)
    assert MODEL.stat().st_size < 1_000_000


def test_a_composite_is_a_face_and_its_room_is_none() -> None:
    frame, faces = picture("neutral")
    classifier = TfliteClassifier(MODEL)
    assert classifier.face_logit(frame.grey, faces.confirmed[0]) > 2
    noise = np.random.default_rng(1).integers(0, 256, (200, 200)).astype(np.uint8)
    assert classifier.face_logit(noise, Box(0, 0, 200, 200)) < -1


def test_upside_down_most_faces_are_none(shared: Path) -> None:
    from tools.training.fer2013 import load  # noqa: PLC0415 - only where the data is

    images = load(shared / "data" / "fer2013.zip", "test").images[::20]
    classifier, whole = TfliteClassifier(MODEL), Box(0, 0, 48, 48)
    upright = np.array([classifier.face_logit(image, whole) > 0 for image in images])
    turned = np.array([classifier.face_logit(np.ascontiguousarray(image[::-1]), whole) > 0 for image in images])
    assert upright.mean() >= 0.85
    assert turned.mean() <= 0.35


class CountingClassifier(TfliteClassifier):
    """The classifier, and the number of its readings."""

    readings = 0

    def logits(self, levels: NDArray[np.int8], *, room: bool = False) -> NDArray[np.float64]:
        self.readings += 1
        return super().logits(levels, room=room)


def test_a_reading_is_kept_for_the_same_pixels_but_not_just_after_another_emotion_began_to_lead() -> None:
    classifier = CountingClassifier(MODEL)
    readings = []
    for emotion in ("happy", "happy", "happy", "sad", "sad", "sad", "sad", "sad"):
        estimate = classifier.classify(*picture(emotion))
        assert estimate is not None
        assert estimate.top == emotion
        readings.append(classifier.readings)
    assert readings == [1, 1, 1, 2, 3, 4, 4, 4]
