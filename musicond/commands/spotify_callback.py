"""The OAuth callback of `musicond spotify login`: the address is received on 127.0.0.1 or pasted."""

from __future__ import annotations

import http.server
import queue
import sys
import threading
from contextlib import suppress
from typing import Self

DONE = b"<!doctype html><meta charset=utf-8><title>musicond</title><p>Go back to the terminal: it says more.\n"


class CallbackServer:
    """Server on http://127.0.0.1:PORT/callback where that port is free, and reader of lines from standard input."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._addresses: queue.Queue[str | None] = queue.Queue()
        self._server: http.server.ThreadingHTTPServer | None = None

    @property
    def listens(self) -> bool:
        """Whether the server listens."""
        return self._server is not None

    def __enter__(self) -> Self:
        with suppress(OSError):  # a taken port; the address can still be pasted
            # Threads, as a browser may open a second connection and send nothing on it.
            self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self._port), self._handler_class())
            self._server.daemon_threads = True
            threading.Thread(target=self._server.serve_forever, daemon=True).start()
        threading.Thread(target=self._read_input, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def wait(self, seconds: float) -> str | None:
        """Return the next address; None after `seconds`, or if no more can come."""
        try:
            return self._addresses.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return None

    def _read_input(self) -> None:
        for line in sys.stdin:
            if line.strip():
                self._addresses.put(line.strip())
        if self._server is None:  # no more can come
            self._addresses.put(None)

    def _handler_class(self) -> type[http.server.BaseHTTPRequestHandler]:
        addresses, port = self._addresses, self._port

        class Handler(http.server.BaseHTTPRequestHandler):
            """Handler of the redirect."""

            timeout = 5

            def do_GET(self) -> None:
                """Put the address into the queue if it is the callback's."""
                if not self.path.startswith("/callback?"):
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(DONE)))
                self.end_headers()
                self.wfile.write(DONE)
                addresses.put(f"http://127.0.0.1:{port}{self.path}")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Log nothing: the address holds the code."""

        return Handler
