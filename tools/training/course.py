"""One training of a network in torch: steps, schedule, averaged weights and progress."""

from __future__ import annotations

import copy
import json
import math
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import nn
from tqdm import tqdm

from tools.training.atomic import replacing
from tools.training.fer2013 import DataError
from tools.training.torch_augment import model_input
from tools.training.views import DEVICE

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from tools.training.views import Live, Pictures, Views

Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""Takes inputs, logits and targets."""
EMA = 0.998
"""Decay per step of the averaged weights."""
WARM_UP = 0.03
FINISH = 0.8
"""Part of a training after which epochs show what comes late."""


def logits(network: nn.Module, grey: torch.Tensor, *, mirrored: bool = False) -> torch.Tensor:
    """Return (n, 7) of grey levels (n, 1, 48, 48); `mirrored`: averaged with those of the mirror images."""
    network.eval()
    batches = []
    with torch.no_grad(), torch.autocast(DEVICE.type, torch.bfloat16):
        for part in grey.split(1024):
            x = model_input(part.float()).contiguous(memory_format=torch.channels_last)
            batches.append((network(x) + network(x.flip(3))) / 2 if mirrored else network(x))
    return torch.cat(batches).float()


def accuracy(network: nn.Module, data: Pictures, *, mirrored: bool = False) -> float:
    """Share of pictures whose most probable class is the label."""
    if not len(data):
        return 0.0
    return float((logits(network, data.grey, mirrored=mirrored).argmax(1) == data.labels).float().mean())


def sgd(network: nn.Module, decay: float) -> torch.optim.Optimizer:
    """Return SGD with Nesterov's momentum; biases and norms do not decay."""
    plain = [p for p in network.parameters() if p.ndim < 2]
    heavy = [p for p in network.parameters() if p.ndim >= 2]
    groups = [{"params": heavy, "weight_decay": decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True)


def run_tool(name: str, do: Callable[[argparse.Namespace], None], args: argparse.Namespace) -> int:
    """Run a command line on `args.threads` threads; return the exit status."""
    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        do(args)
    except (DataError, OSError, ValueError) as fault:
        print(f"{name}: {fault}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on", file=sys.stderr)
        return 130
    return 0


class Passes:
    """Passes forward and back of a network, which leave gradients.

    On a GPU they are recorded once for each size of input, and replayed: launching their kernels one by one
    takes twice as long as running them.
    """

    def __init__(self, network: nn.Module, loss_of: Loss) -> None:
        self._network, self._loss_of = network, loss_of
        self._recorded: tuple[torch.cuda.CUDAGraph, torch.Tensor, torch.Tensor, torch.Tensor] | None = None

    def run(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Take inputs (n, 1, side, side) and targets (n, 7) or (n, 14); return the loss."""
        if DEVICE.type != "cuda":
            return self._pass(x, y)
        if self._recorded is None or self._recorded[1].shape != x.shape:
            self._recorded = None
            self._recorded = self._record(x.contiguous(memory_format=torch.channels_last).clone(), y.clone())
        graph, held_x, held_y, loss = self._recorded
        held_x.copy_(x)
        held_y.copy_(y)
        graph.replay()
        return loss

    def _pass(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        for parameter in self._network.parameters():
            parameter.grad = None
        with torch.autocast(DEVICE.type, torch.bfloat16, cache_enabled=False):
            loss = self._loss_of(x, self._network(x), y)
        loss.backward()
        return loss.detach()

    def _record(
        self, x: torch.Tensor, y: torch.Tensor
    ) -> tuple[torch.cuda.CUDAGraph, torch.Tensor, torch.Tensor, torch.Tensor]:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(3):
                self._pass(x, y)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        for parameter in self._network.parameters():
            parameter.grad = None
        with torch.cuda.graph(graph):
            loss = self._pass(x, y)
        return graph, x, y, loss


class Course:
    """One training: network, averaged network, optimiser, and how far it has come."""

    def __init__(
        self,
        network: nn.Module,
        minutes: float,
        optimizer: torch.optim.Optimizer,
        *,
        measure_every: int = 10,
        clip: float = 0.0,
    ) -> None:
        self.network, self.budget_s, self.optimizer = network, 60 * minutes, optimizer
        self.spent_s, self.steps = 0.0, 0
        self.average = copy.deepcopy(network).eval()
        self._measure_every, self._clip = measure_every, clip
        self._moving = [
            [tensor for tensor in of.state_dict().values() if tensor.is_floating_point()]
            for of in (self.average, network)
        ]
        self.epochs: list[dict[str, float]] = []

    def rate(self, progress: float, peak: float) -> float:
        """Return a linear warm-up, then half a cosine down to 0.1 % of `peak` (Loshchilov & Hutter 2017)."""
        if progress < WARM_UP:
            return peak * (0.1 + 0.9 * progress / WARM_UP)
        done = min(1.0, (progress - WARM_UP) / (1 - WARM_UP))
        return peak * (0.001 + 0.999 * 0.5 * (1 + math.cos(math.pi * done)))

    def run(
        self,
        source: Live | Views,
        judged: dict[str, Pictures],
        peak: float,
        loss_of: Loss,
        saved: Callable[[], None] = lambda: None,
    ) -> None:
        """Train until the time is over, one epoch at the least; the last one may be cut short."""
        began, passes = time.monotonic() - self.spent_s, Passes(self.network, loss_of)
        bar = tqdm(total=100, unit="%", mininterval=5, initial=round(100 * self.spent_s / self.budget_s))
        while not self.epochs or self.spent_s < self.budget_s:
            self.network.train()
            losses, steps = torch.zeros((), device=DEVICE), 0
            for x, y in source.epoch(len(self.epochs), late=self.spent_s >= FINISH * self.budget_s):
                for group in self.optimizer.param_groups:
                    now = self.rate(min(1.0, (time.monotonic() - began) / self.budget_s), peak)
                    group["lr"] = group.get("lr_scale", 1.0) * now
                losses += self.step(passes, x.contiguous(memory_format=torch.channels_last), y)
                steps += 1
                if self.epochs and time.monotonic() - began >= self.budget_s:
                    break
            mean = float(losses) / steps
            self.spent_s = time.monotonic() - began
            self.note(mean, judged)
            bar.update(min(100, round(100 * self.spent_s / self.budget_s)) - bar.n)
            saved()
        bar.close()

    def step(self, passes: Passes, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Train one batch and move the average; return the loss."""
        loss = passes.run(x, y)
        if self._clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self._clip)
        self.optimizer.step()
        self.steps += 1
        # A mean of few steps at first: what the network began as is soon forgotten.
        with torch.no_grad():
            torch._foreach_lerp_(*self._moving, 1 - min(EMA, self.steps / (self.steps + 10)))
        return loss

    def note(self, loss: float, judged: dict[str, Pictures]) -> None:
        """Add an epoch to the log, measured now and then and at the end."""
        entry = {"epoch": len(self.epochs) + 1, "loss": round(loss, 4), "spent_s": round(self.spent_s, 1)}
        if len(self.epochs) % self._measure_every == 0 or self.spent_s >= self.budget_s:
            entry |= {f"{name}_accuracy": round(accuracy(self.average, data), 4) for name, data in judged.items()}
            print(json.dumps(entry), flush=True)
        self.epochs.append(entry)

    def keep(self, path: Path, settings: dict[str, str]) -> None:
        """Write the data for `resume`."""
        state = {name: getattr(self, name).state_dict() for name in ("network", "average", "optimizer")}
        progress = {name: getattr(self, name) for name in ("epochs", "spent_s", "budget_s", "steps")}
        with replacing(path) as new:
            torch.save({**state, **progress, "settings": settings}, new)

    def resume(self, path: Path, settings: dict[str, str]) -> None:
        """Continue from the data of `keep`, if there are any. Raises DataError if they have other `settings`."""
        if not path.exists():
            return
        state = torch.load(path, map_location=DEVICE, weights_only=True)
        before = state.get("settings", {})
        other = sorted(key for key in settings.keys() | before.keys() if before.get(key) != settings.get(key))
        if other:
            msg = f"{path}: a training of other settings ({', '.join(other)}); give another --out"
            raise DataError(msg)
        for name in ("network", "average", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        for name in ("epochs", "spent_s", "budget_s", "steps"):
            setattr(self, name, state[name])
        print(f"resuming after epoch {len(self.epochs)}")
