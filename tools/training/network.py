"""The network: residual blocks of plain 3x3 convolutions, which fold into integer ones without a float tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from tools.training.fer2013 import LABELS
from tools.training.sizes import SIZES, read_weights

if TYPE_CHECKING:
    from pathlib import Path

    from tools.training.sizes import Shape


@keras.saving.register_keras_serializable("musicond")
class Conv(keras.layers.Conv2D):
    """`keras.layers.Conv2D`, padding "same"; on torch in the memory order that its kernels are quick in.

    Keras's own layers reorder memory and cast several times a call there: on one core these three train
    twice as many images a second in bfloat16 (measured, docs/dev/model-experiments.md). The results are the same.
    """

    def call(self, inputs: Any) -> Any:
        """Return the convolution of (n, h, w, c)."""
        if keras.backend.backend() != "torch":
            return super().call(inputs)
        import torch.nn.functional as tf  # noqa: PLC0415 - only where torch is the backend

        kernel = self.kernel.value.to(inputs.dtype).permute(3, 2, 0, 1)
        planes, size, step = inputs.permute(0, 3, 1, 2), self.kernel_size[0], self.strides[0]
        if step == 1:
            return tf.conv2d(planes, kernel, None, 1, size // 2).permute(0, 2, 3, 1)
        # As TensorFlow does: what an even side lacks is added below and to the right.
        before = (size - step) // 2
        padded = tf.pad(planes, (before, size - step - before) * 2)
        return tf.conv2d(padded, kernel, None, step).permute(0, 2, 3, 1)


@keras.saving.register_keras_serializable("musicond")
class Norm(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization`; see `Conv`."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return the normalised (n, h, w, c)."""
        if keras.backend.backend() != "torch":
            return super().call(inputs, training=training, mask=mask)
        import torch.nn.functional as tf  # noqa: PLC0415 - only where torch is the backend

        mean, variance = self.moving_mean.value.data, self.moving_variance.value.data
        return tf.batch_norm(
            inputs.permute(0, 3, 1, 2),
            mean,
            variance,
            self.gamma.value,
            self.beta.value,
            bool(training),
            1 - self.momentum,
            self.epsilon,
        ).permute(0, 2, 3, 1)


@keras.saving.register_keras_serializable("musicond")
class Pool(keras.layers.MaxPooling2D):
    """`keras.layers.MaxPooling2D` of 2x2; see `Conv`."""

    def call(self, inputs: Any) -> Any:
        """Return the pooled (n, h // 2, w // 2, c)."""
        if keras.backend.backend() != "torch":
            return super().call(inputs)
        import torch.nn.functional as tf  # noqa: PLC0415 - only where torch is the backend

        return tf.max_pool2d(inputs.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)


def build_model(size: Shape, side: int | None = None, dropout: float = 0.2) -> keras.Model:
    """Build the network: float32 (n, side, side, 1) in, any side from 16 where None; seven float32 logits out."""

    def conv(x: Any, channels: int, stride: int = 1, *, relu: bool = True) -> Any:
        x = Conv(channels, 3, strides=stride, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
        x = Norm(momentum=0.9, epsilon=1e-3)(x)
        return keras.layers.ReLU()(x) if relu else x

    stem, widths, blocks = size
    inputs = keras.Input((side, side, 1))
    x = conv(conv(inputs, stem), widths[0], stride=2)
    for stage, (channels, count) in enumerate(zip(widths, blocks, strict=True)):
        if stage:
            x = conv(Pool()(x), channels)
        for _ in range(count):
            x = keras.layers.ReLU()(keras.layers.Add()([x, conv(conv(x, channels), channels, relu=False)]))
    x = keras.layers.Dropout(dropout)(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, keras.layers.Dense(len(LABELS), dtype="float32")(x))


def load_student(path: Path) -> tuple[keras.Model, str]:
    """Return the float model of a .keras file or of a fer_student.npz, and the name of its size.

    Raise ValueError where the file holds no network of one of `SIZES`.
    """
    if path.suffix == ".npz":
        weights = read_weights(path)
    else:
        weights = keras.models.load_model(path, compile=False).get_weights()
    for name, size in SIZES.items():
        model = build_model(size)
        if [w.shape for w in model.get_weights()] == [w.shape for w in weights]:
            model.set_weights(weights)
            return model, name
    msg = f"{path}: none of the networks {', '.join(SIZES)}; train it again"
    raise ValueError(msg)
