"""The errors of the connection to a Music Assistant server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from musicond.errors import UNLESS_WRONG_CLOCK, WRONG_CLOCK, PlaybackError
from musicond.music_assistant.client import MusicAssistantClient
from tests.certificates import certificates, https_server

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["certificates"]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("future", WRONG_CLOCK), ("past", UNLESS_WRONG_CLOCK), ("elsewhere", "install its authority")],
)
def test_a_certificate_of_another_time_names_the_clock(
    certificates: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    remedy: str,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates / "ours.pem"))
    with (
        https_server(certificates, name) as address,
        pytest.raises(PlaybackError, match="is not trusted here") as raised,
    ):
        MusicAssistantClient(address).get_info()
    assert remedy in str(raised.value)
