"""The comparison of the model's output on two processors, which script/test-system makes with an emulated one."""

from __future__ import annotations

import copy
import json

from tests.rig.model_output import NOISE, compare, outputs


def test_the_same_output_twice_is_the_same_and_any_other_is_told_by_its_levels() -> None:
    one = outputs()
    inputs = len(one["levels"])
    assert inputs == one["fixed"] + NOISE
    assert compare(one, outputs()) == (f"the same bits for {inputs} inputs", True)
    other = copy.deepcopy(one)
    loser = min(range(7), key=one["levels"][3]["moods"].__getitem__)
    other["levels"][3]["moods"][loser] += 2
    other["levels"][4]["face"][0] -= 3
    text = f"2 of {inputs} outputs differ, moods by at most 2 levels, the face by 3; "
    text += f"another mood wins for 0 of {one['fixed']} chips and 0 of {NOISE} of noise"
    assert compare(one, other) == (text, False)
    assert compare(one, other, (2, 3)) == (text, True)
    assert not compare(one, other, (1, 3))[1]
    assert not compare(one, other, (2, 2))[1]
    other["levels"][3]["moods"][loser] = 128
    report, is_close = compare(one, other, (256, 256))
    assert f"another mood wins for 1 of {one['fixed']} chips" in report
    assert not is_close
    other["levels"][3]["moods"] = one["levels"][3]["moods"]
    other["levels"][5]["room"][0] = 128
    assert not compare(one, other, (2, 3))[1]
    json.dumps(one)


def test_the_reference_kernels_give_nearly_the_levels_of_the_daemon() -> None:
    one, other = outputs(noise=20), outputs("reference", noise=20)
    assert other["kernels"] == "reference"
    assert compare(one, other, (4, 8))[1]
