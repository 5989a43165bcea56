"""The arousal of a song by its sound: loudness, onset rate and brightness.

That the three go with arousal is well established (A. Gabrielsson and E. Lindstroem, 2010, The role of structure in the
musical expression of emotions, in Handbook of Music and Emotion, 367-400); the scales and weights are our own.
ffmpeg decodes, as a process of its own with the lowest priority, so that no damaged file breaks the daemon.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 11025
"""Samples per second."""
LISTENED_S = 90
"""Seconds of a song, from its beginning."""
TIMEOUT_S = 20.0
"""Actions wait while a song is decoded; what is decoded by then counts."""
WINDOW, HOP = 1024, 512
"""Samples of a spectrum, and between two."""
BATCH = 128
"""Spectra computed at a time: numpy lets no other thread run meanwhile."""
LEAST_S = 1.0
QUIETEST = 1e-4
"""Root mean square of a song that counts as silence; full scale is 1."""
LOUDNESS_DB = (-40.0, -10.0)
ONSETS_PER_S = (0.5, 6.0)
BRIGHTNESS_HZ = (300.0, 3000.0)
"""The mean frequency of the spectrum. Each scale goes from arousal -1 to 1."""
WEIGHTS = (0.4, 0.35, 0.25)
ONSET_GAP = 3
"""Spectra between two onsets, 0.14 s."""


def estimate_arousal(path: Path, timeout_s: float = TIMEOUT_S) -> float | None:
    """Return the arousal (-1 to 1) of an audio file; None for one that can't be decoded, or is silent or too short.

    Raises TimeoutError where next to nothing was decoded in time, as on a busy machine.
    """
    command = [
        *("nice", "-n", "19", "ffmpeg", "-v", "quiet", "-nostdin", "-threads", "1", "-protocol_whitelist", "file,pipe"),
        *("-t", str(LISTENED_S), "-i", f"file:{path}", "-vn", "-ac", "1", "-ar", str(RATE), "-f", "f32le", "pipe:1"),
    ]
    try:
        content = subprocess.run(command, capture_output=True, check=False, timeout=timeout_s).stdout  # noqa: S603 - only the path varies
    except subprocess.TimeoutExpired as exc:
        content = exc.stdout or b""
        if len(content) < LEAST_S * RATE * 4:
            raise TimeoutError(f"{path} was not decoded in {timeout_s:g} s") from None
    except (OSError, ValueError):
        return None
    content = content[: LISTENED_S * RATE * 4]
    return arousal_of(np.frombuffer(content[: len(content) // 4 * 4], "<f4"))


def arousal_of(samples: NDArray[np.float32]) -> float | None:
    """Return the arousal (-1 to 1) of samples (n,) at RATE, full scale 1; None for silence and less than a second."""
    if len(samples) < LEAST_S * RATE:
        return None
    samples = np.nan_to_num(samples.astype(np.float32))
    level = float(np.sqrt(np.mean(np.square(samples), dtype=np.float64)))
    if level < QUIETEST:
        return None
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    spectra = np.concatenate([_spectra(frames[first : first + BATCH]) for first in range(0, len(frames), BATCH)])
    values = (
        _on_scale(20 * np.log10(level), *LOUDNESS_DB),
        _on_scale(_onset_rate(np.divide(spectra, level, dtype=np.float32)), *ONSETS_PER_S),
        _on_scale(float(np.log2(_brightness(spectra))), *np.log2(BRIGHTNESS_HZ)),
    )
    return round(sum(weight * value for weight, value in zip(WEIGHTS, values, strict=True)), 3)


def _spectra(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the magnitudes (n, WINDOW // 2 + 1) of the spectra of frames (n, WINDOW)."""
    return np.abs(np.fft.rfft(frames * np.hanning(WINDOW).astype(np.float32), axis=1)).astype(np.float32)


def _onset_rate(spectra: NDArray[np.float32]) -> float:
    """Return how many times a second the sound sets in: the peaks of what the spectrum gains."""
    gains = np.maximum(np.diff(np.log1p(spectra), axis=0), 0).sum(axis=1)
    threshold = gains.mean() + gains.std()
    peaks, last = 0, -ONSET_GAP
    for place in np.flatnonzero(gains > threshold):
        if place - last >= ONSET_GAP:
            peaks, last = peaks + 1, int(place)
    return peaks * RATE / (HOP * len(spectra))


def _brightness(spectra: NDArray[np.float32]) -> float:
    """Return the mean frequency of the spectrum in Hz, at least 1."""
    total = spectra.sum(axis=0, dtype=np.float64)
    frequencies = np.fft.rfftfreq(WINDOW, 1 / RATE)
    return max(1.0, float((frequencies * total).sum() / total.sum()))


def _on_scale(value: float, low: float, high: float) -> float:
    return float(np.clip(2 * (value - low) / (high - low) - 1, -1, 1))
