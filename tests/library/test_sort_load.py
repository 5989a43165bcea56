"""The rests of the sorting of a library; tools/measure_sort.py measures what the watch loop keeps of its rate."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from musicond.app.library import build_maintenance
from musicond.config.schema import Config
from musicond.library.database import FILE_NAME
from musicond.library.recovery import open_catalogue
from musicond.runtime.worker import Worker
from tools.measure_sort import sort, write_songs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SONGS = 30


class Rests(threading.Event):
    """The event that the worker rests with; it counts the rests."""

    count, seconds = 0, 0.0

    def wait(self, timeout: float | None = None) -> bool:
        self.count, self.seconds = self.count + 1, self.seconds + (timeout or 0.0)
        return super().wait(timeout)


def test_the_sort_of_songs_rests_between_them_for_longer_than_it_works(tmp_path: Path) -> None:
    write_songs(tmp_path / "music", tagged=SONGS, sounds=0)
    config = Config.model_validate({"music": {"refresh": "never", "library": [str(tmp_path / "music")]}})
    open_catalogue(tmp_path / FILE_NAME).close()
    periodic: list[Callable[[], None]] = []
    worker, rests, worked_s = Worker(periodic), Rests(), 0.0
    worker._stopping = rests
    maintenance = build_maintenance(config, tmp_path, worker.should_stop)

    def tick() -> None:
        nonlocal worked_s
        begun = time.thread_time()
        maintenance.tick()
        worked_s += time.thread_time() - begun

    periodic.append(tick)
    worker.start()
    try:
        sort(worker, maintenance)
    finally:
        worker.stop()
    assert rests.count > 0
    assert rests.seconds > worked_s
