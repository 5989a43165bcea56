from __future__ import annotations

from musicond.status import StatusOutput


def test_an_output_without_a_thread_is_alive_and_needs_neither_start_nor_stop() -> None:
    output = StatusOutput(lambda _: None)
    output.start()
    assert output.busy_since is None
    assert output.is_alive()
    output.stop()
    assert output.is_alive()
    assert output.status() == "starting"
