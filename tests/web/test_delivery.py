"""How the page is delivered: compressed, small, with icons, in frames of named origins only, and explained if locked."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.client
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from musicond.web import static_files
from tests.web.conftest import HAPPY, Server, make_server

if TYPE_CHECKING:
    from collections.abc import Mapping

STATIC = Path(static_files.__file__).with_name("static")


def visit(server: Server, path: str, encoding: str = "identity") -> tuple[int, Mapping[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET", path, headers={"Accept-Encoding": encoding})
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()
    finally:
        connection.close()


def test_a_page_without_its_link_is_explained_in_style_and_in_both_languages(tmp_path: Path) -> None:
    server = make_server(tmp_path)
    server.token = SecretStr("a-token-of-24-characters")
    server.output = server.again("127.0.0.1:0")
    server.output.start()
    try:
        status, headers, content = visit(server, "/")
    finally:
        server.output.stop()
    body = content.decode()
    [style] = re.findall(r"<style>(.*?)</style>", body)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert status == 401
    assert f"style-src 'sha256-{digest}'" in headers["Content-Security-Policy"]
    assert "sudo musicond page-link" in body
    assert "lang=de" in body


def test_only_named_origins_may_show_the_page_in_a_frame(tmp_path: Path) -> None:
    plain, framed = make_server(tmp_path / "a"), Server(tmp_path / "b.sock", embed=("http://ha.local:8123",))
    for server, ancestors, options in ((plain, "'none'", "DENY"), (framed, "http://ha.local:8123", None)):
        server.output.start()
        try:
            headers = visit(server, "/")[1]
        finally:
            server.output.stop()
        assert headers["Content-Security-Policy"].endswith(f"frame-ancestors {ancestors}")
        assert headers.get("X-Frame-Options") == options


def test_what_is_long_is_sent_compressed_to_who_takes_that(server: Server) -> None:
    server.output.accept(replace(HAPPY, notice="x" * 300))
    for path in ("/", "/style.css", "/texts-de.js", "/app.webmanifest", "/api/v1/state"):
        plain, packed = visit(server, path), visit(server, path, encoding="gzip")
        assert "Content-Encoding" not in plain[1]
        assert packed[1]["Content-Encoding"] == "gzip"
        assert len(packed[2]) < 0.7 * len(plain[2])
        if path != "/api/v1/state":
            assert gzip.decompress(packed[2]) == plain[2]
    assert visit(server, "/icon-192.png", encoding="gzip")[2].startswith(b"\x89PNG")


def test_the_first_visit_is_small_and_the_manifest_names_files_that_exist(server: Server) -> None:
    html = visit(server, "/")[2].decode()
    names = {"/", *(f"/{name}" for name in re.findall(r'(?:href|src)="([\w.-]+)"', html))}
    modules = {f"/{file.name}" for file in STATIC.glob("*.js") if not file.name.startswith("texts-")}
    assert modules <= names, "each module is named in the page, so that none waits for another"
    sizes = {name: len(visit(server, name, encoding="gzip")[2]) for name in names}
    assert sum(size for name, size in sizes.items() if not name.endswith(".png")) < 60_000
    manifest = json.loads(visit(server, "/app.webmanifest")[2])
    for icon in manifest["icons"]:
        content = visit(server, f"/{icon['src']}")[2]
        if icon["type"] == "image/png":
            assert f"{int.from_bytes(content[16:20])}x{int.from_bytes(content[20:24])}" == icon["sizes"]
