"""The network of network.py in plain torch, which a GPU trains many times faster; its weights fit into both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as tf
from torch.nn.utils import parametrize

from tools.training.fer2013 import LABELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tools.training.sizes import Shape

TEACHER: Shape = (32, (128, 256, 512), (2, 2, 2))
"""A teacher: 13.6 M weights, about 1.1 G multiplications of a 48x48 image."""


class Mirrored(nn.Module):
    """Kernels (n, before, 3, 3) become (2n, before, 3, 3), the second half the mirror images of the first.

    So one half of the results answers a mirrored picture as the other does the picture (Cohen & Welling 2016, *Group
    equivariant convolutional networks*). `lifting`: what comes in is a picture, and not two such halves.
    """

    def __init__(self, *, lifting: bool) -> None:
        super().__init__()
        self._lifting = lifting

    def forward(self, kernels: torch.Tensor) -> torch.Tensor:
        """Return all kernels, from the trained ones."""
        mirrored = kernels.flip(3)
        if not self._lifting:
            mirrored = mirrored.roll(kernels.shape[1] // 2, 1)
        return torch.cat([kernels, mirrored]).contiguous(memory_format=torch.channels_last)

    def right_inverse(self, kernels: torch.Tensor) -> torch.Tensor:
        """Return the trained ones of all kernels."""
        return kernels[: len(kernels) // 2].clone()


class Twice(nn.Module):
    """The same for both halves, along the last dimension."""

    def forward(self, half: torch.Tensor) -> torch.Tensor:
        """Return (..., 2n) of (..., n)."""
        return torch.cat([half, half], dim=-1)

    def right_inverse(self, whole: torch.Tensor) -> torch.Tensor:
        """Return (..., n) of (..., 2n)."""
        return whole[..., : whole.shape[-1] // 2].clone()


class ConvNorm(nn.Module):
    """A 3x3 convolution with batch norm, padded as TensorFlow does: what an even side lacks, below and right."""

    def __init__(self, before: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, channels, 3, stride, padding=1 if stride == 1 else 0, bias=False)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_in")
        self.norm = nn.BatchNorm2d(channels, eps=1e-3, momentum=0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the normalised convolution of (n, c, h, w)."""
        if self.conv.stride[0] == 2:
            x = tf.pad(x, (0, 1, 0, 1))
        result: torch.Tensor = self.norm(self.conv(x))
        return result


class Block(nn.Module):
    """Two convolutions beside a shortcut, the second's channels weighed by a squeeze (Hu et al. 2018) if asked for."""

    def __init__(self, channels: int, *, squeeze: bool) -> None:
        super().__init__()
        self.first, self.second = ConvNorm(channels, channels), ConvNorm(channels, channels)
        self.weigh = (
            nn.Sequential(
                nn.AdaptiveAvgPool2d(1),
                nn.Conv2d(channels, channels // 8, 1),
                nn.ReLU(inplace=True),
                nn.Conv2d(channels // 8, channels, 1),
                nn.Sigmoid(),
            )
            if squeeze
            else None
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (n, c, h, w) as it came in, with what was added."""
        y = self.second(tf.relu(self.first(x)))
        if self.weigh is not None:
            y = y * self.weigh(y)
        return tf.relu(x + y)


class Network(nn.Module):
    """The network: (n, 1, side, side) in, any even side from 16; seven logits out."""

    def __init__(self, shape: Shape, dropout: float = 0.2, *, squeeze: bool = False, equivariant: bool = False) -> None:
        """`equivariant`: half the weights are trained, the others mirror them, but for the halving layer's padding."""
        super().__init__()
        stem, widths, blocks = shape
        self.stem = nn.ModuleList([ConvNorm(1, stem), ConvNorm(stem, widths[0], 2)])
        stages: list[nn.Module] = []
        for stage, (channels, count) in enumerate(zip(widths, blocks, strict=True)):
            parts: list[nn.Module] = []
            if stage:
                parts += [nn.MaxPool2d(2), ConvNorm(widths[stage - 1], channels), nn.ReLU(inplace=True)]
            parts += [Block(channels, squeeze=squeeze) for _ in range(count)]
            stages.append(nn.Sequential(*parts))
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(widths[-1], len(LABELS))
        if equivariant:
            for at, part in enumerate(self._parts()):
                parametrize.register_parametrization(part.conv, "weight", Mirrored(lifting=at == 0))
                for name in ("weight", "bias"):
                    parametrize.register_parametrization(part.norm, name, Twice())
            parametrize.register_parametrization(self.dense, "weight", Twice())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (n, 7)."""
        for part in self.stem:
            x = tf.relu(part(x))
        result: torch.Tensor = self.dense(self.dropout(self.stages(x).mean(dim=(2, 3))))
        return result

    def weights(self) -> list[NDArray[np.float32]]:
        """Return all weights as Keras's `get_weights` does; a network with squeezes has none there."""
        arrays: list[torch.Tensor] = []
        for part in self._parts():
            norm: Any = part.norm
            arrays += [
                part.conv.weight.permute(2, 3, 1, 0),
                norm.weight,
                norm.bias,
                norm.running_mean,
                norm.running_var,
            ]
        arrays += [self.dense.weight.T, self.dense.bias]
        return [np.ascontiguousarray(tensor.detach().float().cpu().numpy()) for tensor in arrays]

    def set_weights(self, weights: list[NDArray[np.float32]]) -> None:
        """Take what `weights` or Keras's `get_weights` returned; an equivariant network takes each pair's first."""
        tensors = iter(torch.from_numpy(np.ascontiguousarray(array, np.float32)) for array in weights)
        with torch.no_grad():
            for part in self._parts():
                _take(part.conv, "weight", next(tensors).permute(3, 2, 0, 1))
                for name in ("weight", "bias", "running_mean", "running_var"):
                    _take(part.norm, name, next(tensors))
            _take(self.dense, "weight", next(tensors).T)
            _take(self.dense, "bias", next(tensors))

    def _parts(self) -> list[ConvNorm]:
        return [part for part in self.modules() if isinstance(part, ConvNorm)]


def _take(module: nn.Module, name: str, values: torch.Tensor) -> None:
    held: torch.Tensor = getattr(module, name)
    if held.shape != values.shape:
        msg = f"{tuple(values.shape)} do not fit {tuple(held.shape)}"
        raise RuntimeError(msg)
    if parametrize.is_parametrized(module, name):
        setattr(module, name, values.contiguous())
    else:
        held.copy_(values)
