"""The adapter of the Pi camera over the real picamera2, on libcamera's virtual pipeline.

    python3 -m tests.rig.pi_camera frames FOLDER
    python3 -m tests.rig.pi_camera absent
    python3 -m tests.rig.pi_camera present FOLDER

`frames` writes the pictures that the virtual pipeline shows in turn: a face of the demo. `absent` checks the error when there is no
camera, `present` opens, reads, closes and opens it again. Runs in the virtual machine of script/test-camera-drivers.
"""

from __future__ import annotations

import gc
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from musicond.capture.demo import DemoClip
from musicond.capture.picamera import PiCamera
from musicond.config.paths import models_dir
from musicond.errors import SourceLost
from tests.rig.checks import check, failures

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = (640, 480)
FRAMES = 20
FACE_AT_S = 9.0
"""A time of the demo at which one mood is shown."""
CLOSE = 12.0
"""Mean difference in grey levels between a picture and its JPEG, which is scaled and of another range."""
ROUNDS = 20


def write_frames(folder: Path) -> None:
    """Write the pictures of the camera."""
    folder.mkdir(parents=True, exist_ok=True)
    clip = DemoClip(models_dir())
    for number in range(FRAMES):
        cv2.imwrite(str(folder / f"{number}.jpg"), clip.frame_at(FACE_AT_S + number / clip.fps))


def error_of_opening(camera: PiCamera) -> str:
    """Open a camera that can't be opened, and return the error."""
    try:
        camera.open()
    except SourceLost as exc:
        return str(exc)
    camera.close()
    return ""


def check_absent() -> None:
    """Check the error without a camera."""
    error = error_of_opening(PiCamera(SIZE, 8))
    check("no Pi camera found" in error, f"without a camera: {error}")


def open_files() -> int:
    """Return the number of open files of this process; picamera2 closes some when an object is collected."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def check_frame(camera: PiCamera, pictures: list[NDArray[np.float64]]) -> None:
    """Check that a picture is one of those of the folder."""
    frame = camera.capture(10)
    check(frame.grey.shape == (SIZE[1], SIZE[0]), f"a picture has {frame.grey.shape} rows and columns")
    apart = min(float(np.abs(frame.grey.astype(float) - picture).mean()) for picture in pictures)
    check(apart < CLOSE, f"it is one of those in the folder: {apart:.1f} grey levels apart")
    assert frame.colour is not None
    check(frame.colour().shape == (SIZE[1], SIZE[0], 3), "it has colours")


def check_present(folder: Path) -> None:
    """Check opening, pictures, a busy camera, closing, and opening again."""
    pictures = [np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), float) for path in folder.glob("*.jpg")]
    camera = PiCamera(SIZE, 8)
    camera.open()
    import picamera2  # noqa: PLC0415 - it is there only in the guest

    check(camera.name, f"it is opened: {camera.name}, by {Path(picamera2.__file__).parent}")
    check(camera.get_status().width_seen is None, "without a crop of the sensor, how much is seen is unknown")
    check_frame(camera, pictures)
    error = error_of_opening(PiCamera(SIZE, 8))
    check("in use by another program" in error, f"busy: {error}")
    check_frame(camera, pictures)
    camera.close()
    camera.open()
    camera.capture(10)
    camera.close()
    files, threads = open_files(), threading.active_count()
    for _ in range(ROUNDS):
        camera.open()
        camera.capture(10)
        camera.close()
    check(
        open_files() <= files and threading.active_count() <= threads,
        f"opened and closed {ROUNDS} times: {open_files()} open files, {files} before; {threading.active_count()} threads",
    )
    small = PiCamera((320, 240), 8)
    small.open()
    check(small.capture(10).grey.shape == (240, 320), "another size is opened")
    small.close()


def main() -> int:
    """Run the command."""
    command, *rest = sys.argv[1:]
    if command == "frames":
        write_frames(Path(rest[0]))
    elif command == "absent":
        check_absent()
    else:
        check_present(Path(rest[0]))
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
