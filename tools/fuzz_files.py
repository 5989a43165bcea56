"""The readers of files that `tools/fuzz.py` tries, with what each may raise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from musicond.capture.recorded import RecordedSource, open_clip
from musicond.config.loader import load
from musicond.core.models import Emotion
from musicond.errors import ConfigError, ListError, ModelError, PlaybackError, SourceLost, clean_line, clean_text
from musicond.library.audio_files import read_tags
from musicond.library.sources import make_source
from musicond.music_assistant.auth import MusicAssistantAuth, ServerTokenFile
from musicond.spotify.auth import SpotifyAuth
from musicond.spotify.token_file import TokenFile
from musicond.vision.classifier import TfliteClassifier
from tools import fuzz_seeds

if TYPE_CHECKING:
    from collections.abc import Callable

MEMORY = Path("/dev/shm")  # noqa: S108 - a separate folder is made there
"""A file system in memory, where there is one: a small file on a disk takes longer to write than to read."""
MODELS = Path(__file__).resolve().parent.parent / "models"


@dataclass(frozen=True, slots=True)
class Format:
    """A format with valid files to damage, and the reader to try."""

    suffix: str
    seeds: Callable[[], list[bytes]]
    read: Callable[[Path], None]
    allowed: tuple[type[Exception], ...]
    """The reader's own errors."""


def _read_list(path: Path) -> None:
    source = make_source(str(path), Emotion.SAD)
    for song in source.tracks():
        song.identifier.encode()
        for text in (song.title, song.artist):
            if not text or clean_line(text) != text:
                raise AssertionError(song)


def _read_tags(path: Path) -> None:
    if any(clean_line(text) != text for text in read_tags(path).values()):
        raise AssertionError(path)


def _read_recording(path: Path) -> None:
    source = RecordedSource("fuzz", lambda: open_clip(path))
    source.open()
    try:
        for _ in range(5):
            source.capture(0.0)
    finally:
        source.close()


def _read_model(path: Path) -> None:
    sidecar = path.with_suffix(".json")
    sidecar.write_bytes((MODELS / "fer_int8.json").read_bytes())
    TfliteClassifier(path)


def _read_sidecar(path: Path) -> None:
    model = path.with_suffix(".tflite")
    if not model.exists():  # writing it took most of the time
        model.write_bytes((MODELS / "fer_int8.tflite").read_bytes())
    scores = TfliteClassifier(model).scores(np.zeros((48, 48), np.int8), room=True)
    if not np.isfinite(scores).all() or abs(scores.sum() - 1) > 1e-6:
        raise AssertionError(scores)


def _read_config(path: Path) -> None:
    try:
        load(path)
    except ConfigError as exc:
        if clean_text(str(exc)) != str(exc) or path.name not in str(exc):
            raise AssertionError(str(exc)) from None


def _read_sign_ins(path: Path) -> None:
    content = path.read_bytes()
    for copy in path.parent.glob("*.damaged"):
        copy.unlink()
    spotify = SpotifyAuth(TokenFile(path), "c" * 32, "http://127.0.0.1:8888/callback", ("user-library-read",))
    accounts = [spotify.get_account()]
    path.write_bytes(content)
    server = MusicAssistantAuth(ServerTokenFile(path), None)
    accounts.append(server.get_account())
    for account, ask in zip(accounts, (spotify.credentials, server.get_url), strict=True):
        _ = account.signed_in, account.warning
        try:
            ask()
        except PlaybackError:
            continue


FILES = {
    "csv": Format(".csv", fuzz_seeds.csv, _read_list, (ListError,)),
    "json": Format(".json", fuzz_seeds.json, _read_list, (ListError,)),
    "m3u": Format(".m3u", fuzz_seeds.m3u, _read_list, (ListError,)),
    "tags": Format(".mp3", fuzz_seeds.tags, _read_tags, (OSError,)),
    "clips": Format(".avi", fuzz_seeds.clips, _read_recording, (SourceLost,)),
    "images": Format(".png", fuzz_seeds.images, lambda path: _read_recording(path.parent), (SourceLost,)),
    "model": Format(".tflite", lambda: [(MODELS / "fer_int8.tflite").read_bytes()], _read_model, (ModelError,)),
    "sidecar": Format(".json", lambda: fuzz_seeds.sidecars(MODELS / "fer_int8.json"), _read_sidecar, (ModelError,)),
    "config": Format(".yaml", fuzz_seeds.config, _read_config, ()),
    "sign-ins": Format(".json", fuzz_seeds.sign_ins, _read_sign_ins, ()),
}
