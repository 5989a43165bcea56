"""The comparison of the model's output on two processors, which script/test-system makes with an emulated one."""

from __future__ import annotations

import copy
import json

from musicond.config.paths import models_dir
from musicond.core.models import EMOTIONS
from musicond.vision.interpreter import make_interpreter
from tests.rig.model_output import MOST, NOISE, compare, outputs


def test_the_same_output_twice_is_the_same_and_any_other_is_told_by_its_size() -> None:
    one = outputs()
    assert len(one["logits"]) > NOISE
    assert compare(one, outputs()) == (f"the same bits for {len(one['logits'])} inputs", True)
    other = copy.deepcopy(one)
    other["digest"] = "another"
    other["logits"][3][2] += 0.25
    text = f"1 of {len(one['logits'])} outputs differ, by 0.25 at most; 0 have another winner"
    assert compare(one, other) == (text, False)
    other["logits"][3][2] += 100
    assert compare(one, other)[0].endswith("1 have another winner")
    json.dumps(one)


def test_the_permitted_difference_is_two_levels_of_the_model() -> None:
    details = make_interpreter((models_dir() / "fer_int8.tflite").read_bytes(), 1).get_output_details()
    [scores] = [each for each in details if each["shape"][-1] == len(EMOTIONS)]
    assert 0.9 * MOST < 2 * scores["quantization"][0] < MOST
