"""Processor and wall time of the stages of a frame, for `musicond bench`; nothing is measured outside of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Times = tuple[float, float]
"""Processor and wall time in seconds."""
CALLS_MIB = 64
"""Size of the pictures of the kept calls from which no further ones are kept."""


class StageTimes:
    """The times of the stages, frame by frame; a stage's time has none of the stages that it calls."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Times]] = [{}]
        """The times of each stage that ran in a frame."""
        self.calls: list[Callable[[], object]] = []
        """The calls of functions marked with `bare_call`, to be made again."""
        self.ends: list[int] = []
        """For each frame that has ended the number of calls until then."""
        self._bytes = 0
        self._inner: list[Times] = []

    @property
    def is_full(self) -> bool:
        """Whether no further calls are kept."""
        return self._bytes > CALLS_MIB << 20

    def end_frame(self) -> None:
        """Begin with the next frame."""
        self.frames.append({})
        self.ends.append(len(self.calls))

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add the times of the block to a stage of the current frame."""
        cpu, wall = time.process_time(), time.perf_counter()
        self._inner.append((0.0, 0.0))
        try:
            yield
        finally:
            spent = time.process_time() - cpu, time.perf_counter() - wall
            inner = self._inner.pop()
            if self._inner:
                self._inner[-1] = _sum(self._inner[-1], spent)
            own = spent[0] - inner[0], spent[1] - inner[1]
            self.frames[-1][name] = _sum(self.frames[-1].get(name, (0.0, 0.0)), own)

    def keep(self, call: Callable[[], object], size: int) -> None:
        """Keep a call whose pictures have `size` bytes."""
        self._bytes += size
        if not self.is_full:
            self.calls.append(call)


_measuring: StageTimes | None = None


@contextmanager
def measured() -> Iterator[StageTimes]:
    """Measure the stages of this thread within the block."""
    global _measuring  # noqa: PLW0603 - the marked functions have no other way to find it
    _measuring = times = StageTimes()
    try:
        yield times
    finally:
        _measuring = None


def stage(name: str) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Mark a function as part of a stage."""

    def mark(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        @wraps(function)
        def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            if _measuring is None:
                return function(*args, **kwargs)
            with _measuring.measure(name):
                return function(*args, **kwargs)

        return run

    return mark


def bare_call(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Mark a function as one of those whose calls the bare loop makes again."""

    @wraps(function)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        if _measuring is not None:
            pictures: list[Any] = [arg for arg in args if hasattr(arg, "nbytes")]
            _measuring.keep(partial(function, *args, **kwargs), sum(picture.nbytes for picture in pictures))
        return function(*args, **kwargs)

    return run


def _sum(a: Times, b: Times) -> Times:
    return a[0] + b[0], a[1] + b[1]
