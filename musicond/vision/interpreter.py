"""The interpreter of a TFLite model, from tflite-runtime or else its successor."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from musicond.errors import ModelError

RUNTIMES = ("tflite_runtime.interpreter", "ai_edge_litert.interpreter")


def make_interpreter(content: bytes, threads: int) -> Any:
    """Return an interpreter with its tensors allocated; raise ModelError.

    Both runtimes have the same interface (`get_input_details`, `set_tensor`, `invoke`, `get_tensor`).
    """
    for name in RUNTIMES:
        try:
            library = import_module(name)
        except ImportError:
            continue
        try:
            with _quiet():
                interpreter = library.Interpreter(model_content=content, num_threads=threads)
                interpreter.allocate_tensors()
        except SystemError as exc:
            # tflite-runtime 2.14 imports beside numpy 2 and fails only here.
            raise ModelError(f"{name} does not work with this numpy ({exc}); run: pip install 'numpy<2'") from None
        return interpreter
    raise ModelError(
        "no TFLite runtime; run: pip install tflite-runtime 'numpy<2' (Python 3.11) or ai-edge-litert (3.12 and later)"
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Discard stderr, where the runtime logs its delegates without a setting for that; its errors are raised."""
    stderr, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(null)
