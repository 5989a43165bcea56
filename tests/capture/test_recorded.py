from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import time
import zlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from musicond.capture.auto import AutoSource
from musicond.capture.demo import DemoClip
from musicond.capture.recorded import Clip, ImageFolder, RecordedSource, open_clip
from musicond.capture.transform import fit, orient
from musicond.capture.v4l2 import Webcam
from musicond.cli import main
from musicond.config.paths import models_dir
from musicond.core.models import Mood, SourceStatus
from musicond.errors import SourceLost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from musicond.core.ports import FrameSource


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Return a real video of 20 frames at 10 frames/s that gets brighter."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 48))
    for number in range(20):
        writer.write(np.full((48, 64, 3), 10 * number, np.uint8))
    writer.release()
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "images"
    path.mkdir()
    for number in range(5):
        cv2.imwrite(str(path / f"{number:02}.png"), np.full((48, 64), 40 * number, np.uint8))
    (path / "notes.txt").write_text("not an image")
    return path


def test_a_clip_gives_every_frame_with_its_time(clip: Path) -> None:
    frames = list(Clip(clip).frames())
    assert [t for t, _ in frames] == pytest.approx([number / 10 for number in range(20)])
    assert {grey.shape for _, grey in frames} == {(48, 64)}
    assert [round(float(grey.mean())) for _, grey in frames] == pytest.approx([10 * n for n in range(20)], abs=4)


def test_colours_are_kept_for_who_asks(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    red = np.zeros((48, 64, 3), np.uint8)
    red[:, :, 2] = 200
    cv2.imwrite(str(folder / "1.png"), red)
    cv2.imwrite(str(folder / "2.png"), np.full((48, 64), 7, np.uint8))
    source = RecordedSource("images", lambda: ImageFolder(folder))
    source.open()
    frame = source.capture(1)
    assert frame.grey.shape == (48, 64)
    assert frame.colour is not None
    assert (frame.colour() == red).all()
    later = next(frame for frame in (source.capture(1) for _ in range(50)) if frame.colour is None)
    assert (later.grey == 7).all(), "a grey picture has no colours"
    source.close()


def test_a_folder_gives_its_images_by_name(folder: Path) -> None:
    recording = open_clip(folder)
    assert isinstance(recording, ImageFolder)
    assert [(round(t, 3), int(grey[0, 0])) for t, grey in recording.frames()] == [
        (0.0, 0),
        (0.1, 40),
        (0.2, 80),
        (0.3, 120),
        (0.4, 160),
    ]


@pytest.mark.parametrize("content", [b"", b"no video", b"RIFF" + bytes(500)])
def test_what_is_no_video_is_said_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    with pytest.raises(SourceLost, match=r"broken\.mp4"):
        list(open_clip(path).frames())


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is missing: apt install ffmpeg")
@pytest.mark.parametrize(("name", "encoder"), [("clip.mp4", "libaom-av1"), ("moving.webp", "libwebp_anim")])
def test_what_opencv_cannot_decode_is_refused_with_a_remedy(tmp_path: Path, name: str, encoder: str) -> None:
    path = tmp_path / name
    drawn = ("-f", "lavfi", "-i", "testsrc=size=64x48:rate=5:duration=1")
    subprocess.run(["ffmpeg", "-v", "error", *drawn, "-c:v", encoder, str(path)], check=True)
    if encoder == "libaom-av1" and tuple(map(int, cv2.__version__.split(".")[:2])) >= (4, 12):
        assert len(list(open_clip(path).frames())) == 5, "newer versions of OpenCV decode AV1"
        return
    with pytest.raises(SourceLost, match="no picture can be decoded; convert it, to H.264"):
        list(open_clip(path).frames())


def test_missing_empty_and_broken_folders_are_named(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(SourceLost, match="no such file"):
        open_clip(tmp_path / "none")
    with pytest.raises(SourceLost, match="name too long"):
        open_clip(tmp_path / ("long" * 100))
    with pytest.raises(SourceLost, match="null"):
        open_clip(tmp_path / "a\0b")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceLost, match="no images"):
        open_clip(tmp_path / "empty")
    for file in folder.glob("*.png"):
        file.write_bytes(b"broken")
    source = RecordedSource("images", lambda: open_clip(folder))
    with pytest.raises(SourceLost, match="none of its images"):
        source.open()


def test_images_that_break_while_they_play_are_a_lost_source(folder: Path) -> None:
    source = RecordedSource("images", lambda: open_clip(folder))
    source.open()
    for file in folder.glob("*.png"):
        file.write_bytes(b"broken")
    with pytest.raises(SourceLost, match="none of its images"):
        list(iter(partial(source.capture, 1), None))


def test_broken_and_hidden_images_are_skipped_and_counted(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "03.png").write_bytes(b"broken")
    (folder / "04.png").write_bytes(b"")
    (folder / "._00.png").write_bytes(b"what macOS writes beside a file")
    images = ImageFolder(folder)
    assert [round(t, 3) for t, _ in images.frames()] == [0.0, 0.1, 0.2]
    assert images.bad_frames == 2
    list(images.frames())
    assert caplog.text.count("2 images can't be decoded, such as 03.png") == 1


def damaged(clip: Path, *numbers: int) -> None:
    """Overwrite the content of some frames of an AVI."""
    content = bytearray(clip.read_bytes())
    starts = [match.start() for match in re.finditer(b"00dc", content)][1:]  # the first is in the header
    for start in (starts[number] for number in numbers):
        size = int.from_bytes(content[start + 4 : start + 8], "little")
        content[start + 8 : start + 8 + size] = bytes(size)
    clip.write_bytes(content)


PNG_HEAD = b"\x89PNG\r\n\x1a\n"


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def huge_png(width: int, height: int) -> bytes:
    pack = zlib.compressobj(1)
    rows = b"".join(pack.compress(bytes(width + 1)) for _ in range(height)) + pack.flush()
    head = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    return PNG_HEAD + png_chunk(b"IHDR", head) + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")


def test_a_clip_in_a_folder_that_is_closed_is_named(tmp_path: Path) -> None:
    code = f"""
import os
from pathlib import Path
from musicond.capture.recorded import SourceLost, open_clip
os.chmod({str(tmp_path)!r}, 0o700)
if os.geteuid() == 0:
    os.seteuid(65534)
else:
    os.chmod({str(tmp_path)!r}, 0)
try:
    open_clip(Path({str(tmp_path / "clip.avi")!r}))
except SourceLost as exc:
    print(exc)
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    tmp_path.chmod(0o700)
    assert "clip.avi: Permission denied; give the user of musicond access" in shown


def test_bytes_behind_the_end_of_a_png_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(huge_png(64, 48) + b"\xff" * 8)
    assert [picture.shape for _, picture in ImageFolder(tmp_path).frames(colour=False)] == [(48, 64)]


HUGE = {
    "a chunk of 3 GB": huge_png(64, 48)[:33] + struct.pack(">I4s", 3 * 2**30, b"IDAT") + bytes(3000),
    "a picture of 200 million pixels": huge_png(20000, 10000),
}


@pytest.mark.parametrize("content", HUGE.values(), ids=HUGE)
def test_a_small_image_takes_no_large_memory(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    code = f"""
from pathlib import Path
from musicond.capture.recorded import ImageFolder
try:
    list(ImageFolder(Path({str(tmp_path)!r})).frames(colour=True))
except Exception as exc:
    print(exc)
status = Path("/proc/self/status").read_text()  # ru_maxrss would count the process that started this one
print(int(status.split("VmHWM:")[1].split()[0]) // 1024)
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split("\n")
    assert "none of its images can be decoded" in shown[0]
    assert int(shown[1]) < 200


def test_a_damaged_frame_is_skipped_and_the_clip_goes_on(clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    damaged(clip, 5, 6)
    recording = Clip(clip)
    times = [round(t, 3) for t, _ in recording.frames()]
    assert times == [number / 10 for number in range(20) if number not in {5, 6}]
    assert recording.bad_frames == 2
    assert len(list(recording.frames())) == 18
    assert caplog.text.count("clip.avi: 2 frames can't be decoded") == 1, "once, however often it is played"
    source = RecordedSource("clip", lambda: recording)
    source.open()
    assert source.get_status().bad_frames == 4, "of two passes"


def test_a_clip_that_ends_early_says_so(clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    damaged(clip, *range(8, 20))
    recording = Clip(clip)
    assert len(list(recording.frames())) == 8
    assert recording.bad_frames >= 12
    assert "clip.avi ends after 0.7 s of 2.0 s" in caplog.text


def test_a_clip_whose_header_has_no_plausible_rate_is_not_said_to_end_early(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "fast.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 1000.0, (64, 48))
    for _ in range(60):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    recording = Clip(path)
    assert recording.fps == 25.0
    assert len(list(recording.frames())) == 60
    assert recording.bad_frames == 0
    assert not caplog.text


@pytest.mark.parametrize(
    "name", [b"cr\xe8me.avi", b"a:b.avi", b"file:x.avi", b"100%d.avi", b"-i.avi", "\u00fc \u2028.avi".encode()]
)
def test_a_clip_may_have_any_name(clip: Path, name: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path(os.fsdecode(name))
    clip.rename(path)
    recording = open_clip(path)
    assert len(list(recording.frames())) == 20
    assert recording.name.encode(), "it can be shown"


def box(content: bytes, kinds: list[str], change: Callable[[bytes], bytes]) -> bytes:
    """Return the boxes of an MP4 with the content of one of them, named by its path, changed."""
    out, at = b"", 0
    while at < len(content):
        size = int.from_bytes(content[at : at + 4]) or len(content) - at
        kind, inner = content[at + 4 : at + 8].decode("latin-1"), content[at + 8 : at + size]
        if kind == kinds[0]:
            inner = box(inner, kinds[1:], change) if kinds[1:] else change(inner)
        out += (len(inner) + 8).to_bytes(4) + content[at + 4 : at + 8] + inner
        at += size
    return out


@pytest.fixture
def phone_clip(tmp_path: Path) -> Path:
    """Return an MP4 of 20 frames, 64 by 48, whose left half is bright."""
    path = tmp_path / "phone.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (64, 48))
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, :32] = 200
    for _ in range(20):
        writer.write(picture)
    writer.release()
    return path


def turned(header: bytes) -> bytes:
    """Return a track header (tkhd) whose matrix turns the picture by 90 degrees clockwise, as phones write it."""
    matrix = [0, 1 << 16, 0, (1 << 32) - (1 << 16), 0, 0, 48 << 16, 0, 1 << 30]
    return header[:40] + struct.pack(">9I", *matrix) + header[76:]


def test_a_portrait_clip_of_a_phone_stands_upright(phone_clip: Path) -> None:
    phone_clip.write_bytes(box(phone_clip.read_bytes(), ["moov", "trak", "tkhd"], turned))
    [(_, grey)] = itertools.islice(Clip(phone_clip).frames(), 1)
    assert grey.shape == (64, 48)
    assert grey[8:24].mean() > 150, "the left half is on top"
    assert grey[40:56].mean() < 50


@pytest.mark.parametrize(("upright", "shape"), [(True, (48, 128)), (False, (128, 48))])
def test_pixels_that_are_not_square_are_made_square(phone_clip: Path, upright: bool, shape: tuple[int, int]) -> None:
    pasp = (16).to_bytes(4) + b"pasp" + struct.pack(">II", 2, 1)

    def stretched(entry: bytes) -> bytes:
        size = int.from_bytes(entry[8:12]) + len(pasp)
        return entry[:8] + size.to_bytes(4) + entry[12:] + pasp

    content = box(phone_clip.read_bytes(), ["moov", "trak", "mdia", "minf", "stbl", "stsd"], stretched)
    if not upright:
        content = box(content, ["moov", "trak", "tkhd"], turned)
    phone_clip.write_bytes(content)
    [(_, grey)] = itertools.islice(Clip(phone_clip).frames(), 1)
    assert grey.shape == shape


@pytest.fixture
def slowing_clip(phone_clip: Path) -> Path:
    """A clip with ten frames per second for a second, then with two, by the timestamps of its container."""

    def slower(table: bytes) -> bytes:
        duration = int.from_bytes(table[12:16])
        return struct.pack(">IIIIII", 0, 2, 10, duration, 10, 5 * duration)

    content = box(phone_clip.read_bytes(), ["moov", "trak", "mdia", "minf", "stbl", "stts"], slower)
    # The edit list would end the clip after the first two seconds.
    phone_clip.write_bytes(
        box(content, ["moov", "trak", "edts", "elst"], lambda edits: edits[:8] + (6000).to_bytes(4) + edits[12:])
    )
    return phone_clip


SLOWING = [n / 10 for n in range(11)] + [1 + n / 2 for n in range(1, 10)]


def test_a_clip_has_the_times_of_its_container(slowing_clip: Path) -> None:
    assert [t for t, _ in Clip(slowing_clip).frames()] == pytest.approx(SLOWING, abs=0.002)


def test_a_replay_has_the_times_of_the_container(slowing_clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--config", "/dev/null", "--frames", str(slowing_clip)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["t"] for line in lines if line["type"] == "frame"] == pytest.approx(SLOWING, abs=0.002)


def test_a_recording_in_real_time_follows_its_container(slowing_clip: Path) -> None:
    source = RecordedSource("clip", lambda: Clip(slowing_clip))
    source.open()
    times = [source.capture(2).captured_at for _ in range(14)]
    source.close()
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert sum(gaps[:10]) == pytest.approx(1.0, abs=0.3)
    assert gaps[11:] == pytest.approx([0.5, 0.5], abs=0.2)


def test_what_opens_but_decodes_nothing_is_refused_at_the_start(clip: Path) -> None:
    damaged(clip, *range(20))
    with pytest.raises(SourceLost, match=r"clip\.avi: no picture can be decoded; convert it"):
        open_clip(clip)


def test_a_recording_is_played_in_real_time_and_in_a_loop(clip: Path) -> None:
    source = RecordedSource("clip", lambda: Clip(clip))
    with pytest.raises(SourceLost, match="not open"):
        source.capture(1)
    source.open()
    started = time.monotonic()
    times, levels = [], []
    while time.monotonic() - started < 2.6:
        frame = source.capture(1)
        times.append(frame.captured_at)
        levels.append(float(frame.grey.mean()))
    source.close()
    source.close()
    assert times == sorted(times)
    assert 15 <= len(times) <= 30, "paced at ten frames a second"
    assert any(after < before - 100 for before, after in itertools.pairwise(levels)), "it began again"


def test_frames_that_nobody_fetched_are_skipped(clip: Path) -> None:
    source = RecordedSource("clip", lambda: Clip(clip))
    source.open()
    first = float(source.capture(1).grey.mean())
    started = time.monotonic()
    while time.monotonic() - started < 1.0:
        pass
    assert float(source.capture(1).grey.mean()) >= first + 60


class Heavy:
    """A recording whose frames take 30 ms each to make, and are due every 10 ms."""

    name = "heavy"
    fps = 100.0
    bad_frames = 0

    def frames(self, *, colour: bool = False) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        assert colour
        given_up = time.monotonic() + 5
        for number in range(500):
            assert time.monotonic() < given_up, "a read does not come back"
            done = time.monotonic() + 0.03
            while time.monotonic() < done:
                pass
            yield number / self.fps, np.full((2, 2), number % 256, np.uint8)


def test_a_clip_that_is_too_heavy_for_real_time_plays_slower() -> None:
    source = RecordedSource("heavy", Heavy)
    source.open()
    started = time.monotonic()
    levels = [int(source.capture(1).grey[0, 0]) for _ in range(3)]
    assert time.monotonic() - started < 3
    assert levels == sorted(set(levels))


def test_the_demo_is_drawn_the_same_each_time() -> None:
    once, again = DemoClip(models_dir()), DemoClip(models_dir())
    for t in (0.0, 3.3, 7.5, once.duration_s - 1):
        assert (once.frame_at(t) == again.frame_at(t)).all()
    assert once.frame_at(0).shape == (480, 640)
    assert [mood for *_, mood in once.script][-1] is Mood.NOBODY
    assert len({mood for *_, mood in once.script}) == 8
    assert all(end > start for start, end, _ in once.script)


def test_a_demo_without_its_faces_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceLost, match=r"demo\.png"):
        DemoClip(tmp_path)
    cv2.imwrite(str(tmp_path / "demo.png"), np.zeros((10, 11), np.uint8))
    with pytest.raises(SourceLost, match="damaged"):
        DemoClip(tmp_path)


def test_pictures_are_turned_and_mirrored() -> None:
    grey = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    assert orient(grey).tolist() == [[1, 2, 3], [4, 5, 6]]
    assert orient(grey, 90).tolist() == [[4, 1], [5, 2], [6, 3]]
    assert orient(grey, 180).tolist() == [[6, 5, 4], [3, 2, 1]]
    assert orient(grey, 270).tolist() == [[3, 6], [2, 5], [1, 4]]
    assert orient(grey, mirror=True).tolist() == [[3, 2, 1], [6, 5, 4]]


def test_pictures_are_shrunk_but_keep_their_shape() -> None:
    assert fit(np.zeros((1080, 1920), np.uint8), (640, 480)).shape == (360, 640)
    assert fit(np.zeros((100, 100), np.uint8), (640, 480)).shape == (100, 100)


class Counting(Webcam):
    """A webcam with a bad frame each time that it is opened."""

    def __init__(self) -> None:
        super().__init__(None, (640, 480), 8, find=list)
        self.bad = 0

    def open(self) -> None:
        self.bad += 1

    def get_status(self) -> SourceStatus:
        return SourceStatus(width_seen=0.5, vertical_deg=41, bad_frames=self.bad, missing_frames=2 * self.bad)


def test_auto_keeps_the_counts_of_a_camera_that_is_closed() -> None:
    source = AutoSource((Webcam(None, (640, 480), 8, find=list), Counting()))
    for times in (1, 2):
        source.open()
        counts = SourceStatus(bad_frames=times, missing_frames=2 * times)
        assert source.get_status() == replace(counts, width_seen=0.5, vertical_deg=41)
        source.close()
        assert source.get_status() == counts


def test_auto_takes_the_first_that_opens_and_tries_again(clip: Path) -> None:
    absent = Webcam(None, (640, 480), 8, find=list)
    source: FrameSource = AutoSource((absent, RecordedSource("recording", lambda: Clip(clip))))
    with pytest.raises(SourceLost, match="no camera is open"):
        source.capture(1)
    source.open()
    assert source.name == "recording"
    assert source.capture(1).grey.shape == (48, 64)
    source.close()
    assert source.name == "camera"
    nothing = AutoSource((absent, absent))
    with pytest.raises(SourceLost, match=r"^webcam: .*plug one in"):
        nothing.open()
