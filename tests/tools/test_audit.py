"""The audit of the pinned packages, against a server that answers as PyPI's JSON API does."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from tools.audit import ROOT, main, pinned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

HOLE: dict[str, object] = {
    "id": "PYSEC-2026-1",
    "fixed_in": ["1.1"],
    "link": "https://osv.dev/PYSEC-2026-1",
    "withdrawn": None,
}
LOCK = "harmless==2.0 \\\n    --hash=sha256:00\nholed==1.0 \\\n    --hash=sha256:00\n"


@contextmanager
def pypi(entries: dict[str, list[dict[str, object]]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = entries.get(self.path)
            body = b"" if known is None else json.dumps({"info": {}, "vulnerabilities": known}).encode()
            self.send_response(404 if known is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_open_advisory_fails_and_a_withdrawn_one_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(LOCK)
    harmless = "/pypi/harmless/2.0/json"
    with pypi({harmless: [], "/pypi/holed/1.0/json": [HOLE]}) as api:
        assert main(["--api", api, str(lock)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "holed 1.0: PYSEC-2026-1, fixed in 1.1: https://osv.dev/PYSEC-2026-1",
        "2 of 2 packages, 1 open advisories",
    ]
    with pypi({harmless: [], "/pypi/holed/1.0/json": [{**HOLE, "withdrawn": "2026-01-02T00:00:00Z"}]}) as api:
        assert main(["--required", "--api", api, str(lock)]) == 0


def test_without_an_answer_it_says_so_and_fails_only_where_one_is_required(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(LOCK)
    with pypi({}) as api:
        assert main(["--api", api, str(lock)]) == 0
        assert capsys.readouterr().out.startswith("not audited: PyPI gives no advisories here (harmless 2.0: 404")
        assert main(["--api", api, "--required", str(lock)]) == 1
    assert main(["--api", api, "--required", str(lock)]) == 1, "nobody listens there"


def test_an_advisory_counts_though_another_package_gets_no_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(f"{LOCK}\nmissing==3.0\n")
    with pypi({"/pypi/harmless/2.0/json": [], "/pypi/holed/1.0/json": [HOLE]}) as api:
        assert main(["--api", api, str(lock)]) == 1
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith("holed 1.0: PYSEC-2026-1")
        assert lines[1].startswith("not audited: missing 3.0")
        assert lines[2] == "2 of 3 packages, 1 open advisories"
    with pypi({"/pypi/harmless/2.0/json": [], "/pypi/holed/1.0/json": []}) as api:
        assert main(["--api", api, str(lock)]) == 0
        assert main(["--required", "--api", api, str(lock)]) == 1


def test_each_package_of_the_lock_files_is_asked_for() -> None:
    files = sorted((ROOT / "requirements").glob("*-py*.txt"))
    packages = pinned(files)
    assert len({name for name, _ in packages}) > 60
    assert {"aiohttp", "pydantic", "pytest", "picamera2"} <= {name for name, _ in packages}
