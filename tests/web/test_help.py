"""The help: the documents for users as pages of the daemon, with links that lead somewhere and nothing from elsewhere."""

from __future__ import annotations

import http.client
import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urljoin

import pytest
from pydantic import SecretStr

from musicond.config.paths import docs_dir
from musicond.web.help_pages import NOT_FOR_USERS, documents, render
from tests.web.conftest import HAPPY, Server, make_server

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def helped(tmp_path: Path) -> Iterator[Server]:
    """A page with the help from the documents of this repository."""
    server = make_server(tmp_path)
    server.docs = docs_dir()
    server.output = server.again("127.0.0.1:0")
    server.output.start()
    server.output.accept(HAPPY)
    yield server
    server.output.stop()


def get(server: Server, path: str, **headers: str) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        content, kind = response.read(), str(response.headers["Content-Type"])
        return response.status, kind, content.decode() if kind.startswith("text/") else ""
    finally:
        connection.close()


def test_every_document_for_users_is_a_page_whose_links_lead_somewhere(helped: Server) -> None:
    addresses = [document.address for document in documents(docs_dir().resolve())]
    assert len(addresses) > 20
    pages, wanted = dict[str, str](), set[tuple[str, str]]()
    for address in addresses:
        status, kind, content = get(helped, address)
        assert (status, kind) == (200, "text/html; charset=utf-8"), address
        assert "<h1 id=" in content, address
        assert "<!--" not in content
        pages[address] = content
        for link in re.findall(r'(?:href|src)="([^"]*)"', content):
            if not link.startswith("https://"):
                wanted.add((urljoin(address, link), address))
    for link, address in sorted(wanted):
        path, fragment = urldefrag(link)
        content = pages[path] if path in pages else get(helped, path)[2]
        assert path in pages or get(helped, path)[0] == 200, f"{address}: {link}"
        assert not fragment or f'id="{fragment}"' in content, f"{address}: {link}"
    assert any("pictures/" in link for link, _ in wanted)


def test_a_translation_is_shown_where_there_is_one_and_else_english_which_is_said(helped: Server) -> None:
    german, english = get(helped, "/help/de/page")[2], get(helped, "/help/de/trouble")[2]
    assert '<h1 id="die-seite">' in german
    assert "nur auf Englisch" not in german
    assert "<main class=card lang=en>" in english
    assert "nur auf Englisch" in english


def test_the_help_is_for_those_who_may_open_the_page_and_holds_nothing_else_of_the_disk(tmp_path: Path) -> None:
    server = make_server(tmp_path)
    server.docs, server.token = docs_dir(), SecretStr("a-token-of-24-characters")
    server.output = server.again("127.0.0.1:0")
    server.output.start()
    token = f"Bearer {server.token.get_secret_value()}"
    try:
        assert get(server, "/help/en/page")[0] == 401
        assert get(server, "/help/en/page", Authorization=token)[0] == 200
        for path in (
            "/help/en/../../SECURITY",
            "/help/en/..%2f..%2fREADME.md",
            "/help/en/architecture",
            "/help/en/reliability",
            "/help/xx/page",
        ):
            assert get(server, path, Authorization=token)[0] == 404, path
    finally:
        server.output.stop()


def test_without_documents_no_link_leads_to_them_and_a_missing_picture_leaves_nothing(
    helped: Server, tmp_path: Path
) -> None:
    assert "no-help" not in get(helped, "/")[2]
    bare = make_server(tmp_path / "bare")
    bare.docs = tmp_path / "none"
    bare.output = bare.again("127.0.0.1:0")
    bare.output.start()
    try:
        assert '<body class="no-help ' in get(bare, "/")[2]
        assert ".no-help [data-help]{display:none}" in get(bare, "/style.css")[2]
    finally:
        bare.output.stop()
    (tmp_path / "x.md").write_text("# X\n\n![A](none/a.png)\n\n[![B](none/b.png)](none/b.md)\n![C](c.png)\n\nText\n")
    assert render(tmp_path / "x.md", "en", tmp_path)[1] == '<h1 id="x">X</h1>\n<p>Text</p>\n'


def test_the_package_brings_the_documents_along() -> None:
    lines = (ROOT / "deb/musicond.install").read_text("utf-8").splitlines()
    installed = {file for line in lines for file in ROOT.glob(line.split()[0]) if line.endswith(("/docs", "/de"))}
    used = {document.file for document in documents(ROOT / "docs")}
    assert used <= installed
    assert {f"{name}.md" for name in NOT_FOR_USERS} <= {file.name for file in (ROOT / "docs").glob("*.md")}
    assert "python3-markdown-it" in (ROOT / "deb/control").read_text("utf-8")


@pytest.mark.browser
def test_the_help_fits_a_small_phone_and_its_diagrams_can_be_read(helped: Server, chromium: Any) -> None:
    context = chromium.new_context(viewport={"width": 320, "height": 568}, locale="de-DE")
    page = context.new_page()
    page.goto(f"{helped.output.address}/help/de/players")
    assert page.evaluate("[document.documentElement.scrollWidth, document.images[0].offsetWidth >= 600]") == [320, True]
    assert page.evaluate("document.images[0].alt").startswith("musicond spricht HTTP")
    context.close()


@pytest.mark.browser
def test_a_person_reads_the_help_in_each_theme_without_a_fault_or_a_request_elsewhere(
    helped: Server, chromium: Any
) -> None:
    axe = importlib.import_module("axe_playwright_python.sync_playwright").Axe()
    violations: list[str] = []
    requested: list[str] = []
    for scheme, locale in (("light", "en-GB"), ("dark", "de-DE")):
        context = chromium.new_context(
            viewport={"width": 390, "height": 664}, color_scheme=scheme, locale=locale, bypass_csp=True
        )
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.on("request", lambda request: requested.append(request.url))
        page.goto(f"{helped.output.address}/#about")
        page.click("footer [data-help='']")
        page.wait_for_selector("h1")
        for name in ("page", "mqtt", "recommendation"):
            page.click(f"main a[href^='{name}']")
            page.wait_for_url(f"**/{name}")
            found = axe.run(page).response["violations"]
            violations += [f"{page.url}: {each['id']}: {each['nodes'][0]['html'][:120]}" for each in found]
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} fits the phone"
            page.click("nav a >> nth=1")
            page.wait_for_selector("h1")
        page.click("nav a >> nth=0")
        page.wait_for_selector("#hero[data-kind=happy]", state="attached")
        context.close()
    assert violations == []
    assert [url for url in requested if not url.startswith(helped.output.address + "/")] == []
