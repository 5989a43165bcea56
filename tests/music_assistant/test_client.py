"""The errors of the connection to a Music Assistant server."""

from __future__ import annotations

import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from musicond.errors import WRONG_CLOCK, PlaybackError
from musicond.music_assistant.client import MusicAssistantClient
from tests.mqtt.test_tls import certificates

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["certificates"]


@pytest.mark.parametrize(("name", "remedy"), [("future", WRONG_CLOCK), ("elsewhere", "install its authority")])
def test_a_certificate_that_is_not_yet_valid_names_the_clock(
    certificates: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    remedy: str,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates / "ours.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / f"{name}.pem", certificates / f"{name}.key")
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign] # the client refuses the certificate
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with pytest.raises(PlaybackError, match="is not trusted here") as raised:
                MusicAssistantClient(f"https://127.0.0.1:{server.server_port}").get_info()
            assert remedy in str(raised.value)
        finally:
            server.shutdown()
            thread.join(10)
