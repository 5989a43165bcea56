"""A camera in the network of a booted system: python -m tests.rig.camera PORT FILE; FILE has the number of its requests."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.capture.cameras import mjpeg_camera


def main() -> None:
    """Serve pictures until the end of the process."""
    with mjpeg_camera(int(sys.argv[1])) as camera:
        while True:
            Path(sys.argv[2]).write_text(f"{len(camera.paths)}\n")
            time.sleep(0.2)


if __name__ == "__main__":
    main()
