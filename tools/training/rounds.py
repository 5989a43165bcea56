"""Rounds of training steps, in this process or in several whose weights are averaged after each round."""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from numpy.typing import NDArray

    from tools.training.augment import Batches, Phase
    from tools.training.sizes import Shape

State = list["NDArray[np.float32]"]
"""The weights of the model, then those of its optimiser."""


@dataclass(frozen=True)
class Recipe:
    """The training options of a model, the same in every process."""

    size: Shape
    momentum: float
    decay: float
    bfloat16: bool


@dataclass(frozen=True)
class Job:
    """One round: batches of one epoch, all at one learning rate."""

    state: State
    epoch: int
    batches: list[int]
    rate: float
    phase: Phase


class Trainer:
    """A compiled model that trains a round from a given state."""

    def __init__(self, recipe: Recipe, batches: Batches) -> None:
        import keras  # noqa: PLC0415 - a process that trains must not load it before its threads are set

        from tools.training.network import build_model  # noqa: PLC0415

        keras.mixed_precision.set_global_policy("mixed_bfloat16" if recipe.bfloat16 else "float32")
        self._batches = batches
        self.model = build_model(recipe.size)
        optimizer = keras.optimizers.SGD(
            0.1, momentum=recipe.momentum, nesterov=recipe.momentum > 0, weight_decay=recipe.decay
        )
        optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
        self.model.compile(optimizer, keras.losses.CategoricalCrossentropy(from_logits=True), jit_compile=False)
        optimizer.build(self.model.trainable_variables)

    def state(self) -> State:
        """Return all that a round starts from."""
        return [*self.model.get_weights(), *(np.asarray(value) for value in self._optimizer_values())]

    def round(self, job: Job) -> tuple[State, float]:
        """Train; return the new state and the mean loss."""
        count = len(self.model.weights)
        self.model.set_weights(job.state[:count])
        for variable, value in zip(self._optimizer_variables(), job.state[count:], strict=True):
            variable.assign(value)
        self.model.optimizer.learning_rate = job.rate
        losses = [
            float(self.model.train_on_batch(*self._batches.batch(job.epoch, index, job.phase))) for index in job.batches
        ]
        return self.state(), float(np.mean(losses))

    def _optimizer_variables(self) -> list[Any]:
        rate = self.model.optimizer._learning_rate  # noqa: SLF001 - Keras has no other name for it
        return [variable for variable in self.model.optimizer.variables if variable is not rate]

    def _optimizer_values(self) -> list[Any]:
        import keras  # noqa: PLC0415

        return [keras.ops.convert_to_numpy(variable) for variable in self._optimizer_variables()]


class Team(Protocol):
    """Trains rounds."""

    def start(self, job: Job) -> None:
        """Begin a round."""

    def result(self) -> tuple[State, float]:
        """Wait for it; return the new state and the mean loss."""


class Alone:
    """A team of this process."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer

    def start(self, job: Job) -> None:
        """Keep the round for `result`."""
        self._job = job

    def result(self) -> tuple[State, float]:
        """Train the round."""
        return self._trainer.round(self._job)


class Workers:
    """A team of processes with one thread each; to be used in a `with`.

    Each trains its share of a round's batches from the same state; the mean of their weights is the next
    (local SGD, Stich 2019). Two such processes lose less than one with two threads where others want the cores too.
    """

    def __init__(self, count: int, recipe: Recipe, batches: Batches) -> None:
        self._count, self._recipe, self._batches = count, recipe, batches

    def __enter__(self) -> Self:
        """Start the processes."""
        os.environ |= {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes = []
        for _ in range(self._count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, self._recipe, self._batches), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)
        return self

    def __exit__(self, *_: object) -> None:
        """End them."""
        for pipe, process in zip(self._pipes, self._processes, strict=True):
            pipe.close()
            process.terminate()
            process.join()

    def start(self, job: Job) -> None:
        """Give each its share."""
        for number, pipe in enumerate(self._pipes):
            batches = job.batches[number :: self._count] or job.batches[:1]
            pipe.send(Job(job.state, job.epoch, batches, job.rate, job.phase))

    def result(self) -> tuple[State, float]:
        """Average what they bring."""
        states, losses = zip(*(pipe.recv() for pipe in self._pipes), strict=True)
        return [np.mean(values, axis=0, dtype=values[0].dtype) for values in zip(*states, strict=True)], float(
            np.mean(losses)
        )


def _work(pipe: Connection, recipe: Recipe, batches: Batches) -> None:
    import cv2  # noqa: PLC0415

    cv2.setNumThreads(1)
    trainer = Trainer(recipe, batches)
    try:
        while True:
            pipe.send(trainer.round(pipe.recv()))
    except (EOFError, KeyboardInterrupt, BrokenPipeError):
        return
