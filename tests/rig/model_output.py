"""The model's raw output for fixed inputs, to be compared between processors.

    python3 tests/rig/model_output.py > FILE
    python3 tests/rig/model_output.py --compare FILE OTHER

The inputs are the chips of tests/golden/golden.json and noise of a fixed seed. The comparison prints how many outputs
differ, and by how much at most; its exit code is 1 where one differs by more than two steps of the model's 8 bits: XNNPACK
rounds in another way on other processors. The first form needs the installed package.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "golden.json"
NOISE = 500
MOST = 0.072
"""A bit more than the model's output moves by two of its 256 levels."""


def outputs() -> dict[str, Any]:
    """Return the machine, the digest of all outputs, and the outputs."""
    import os  # noqa: PLC0415 - the comparison needs none of these

    import numpy as np  # noqa: PLC0415 - likewise

    from musicond.config.paths import models_dir  # noqa: PLC0415 - likewise
    from musicond.vision.classifier import TfliteClassifier  # noqa: PLC0415 - likewise

    classifier, rng = TfliteClassifier(models_dir() / "fer_int8.tflite"), np.random.default_rng(29)
    chips = [np.array(vector["levels"]) for vector in json.loads(GOLDEN.read_text())["vectors"]]
    chips += [rng.integers(-128, 128, 48 * 48) for _ in range(NOISE)]
    logits = [classifier.logits(chip.astype(np.int8).reshape(48, 48)).astype(np.float64).tolist() for chip in chips]
    digest = hashlib.sha256(np.array(logits).tobytes()).hexdigest()
    return {"machine": os.uname().machine, "digest": digest, "logits": logits}


def compare(one: dict[str, Any], other: dict[str, Any]) -> tuple[str, bool]:
    """Return what differs, and whether that is at most two steps."""
    if one["digest"] == other["digest"]:
        return f"the same bits for {len(one['logits'])} inputs", True
    pairs = list(zip(one["logits"], other["logits"], strict=True))
    differing = sum(left != right for left, right in pairs)
    most = max(abs(a - b) for left, right in pairs for a, b in zip(left, right, strict=True))
    winners = sum(left.index(max(left)) != right.index(max(right)) for left, right in pairs)
    text = f"{differing} of {len(pairs)} outputs differ, by {most:g} at most; {winners} have another winner"
    return text, most <= MOST


def main() -> int:
    """Run the command."""
    if sys.argv[1:2] != ["--compare"]:
        print(json.dumps(outputs()))
        return 0
    one, other = (json.loads(Path(name).read_text()) for name in sys.argv[2:])
    text, is_close = compare(one, other)
    print(f"the model on {one['machine']} and {other['machine']}: {text}")
    return not is_close


if __name__ == "__main__":
    sys.exit(main())
