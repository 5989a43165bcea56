"""The documents: every file that they name exists, and docs/architecture.md keeps its size."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(str(file.relative_to(ROOT)) for file in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
CODE = re.compile(r"`([^`\n]+)`")
FOLDERS = ("config", "deb", "docs", "models", "musicond", "requirements", "script", "systemd", "tests", "tools")
PATH = re.compile(rf"(?<![\w/.-])(?:{'|'.join(FOLDERS)})/[\w./-]*[\w/]|(?<![\w/.-])[\w-]+\.(?:md|toml)")
MODULE = re.compile(r"(?<![\w/.-])\w+/[\w/]+\.py\b")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
READING = re.compile(r"\| `([\w/.]+)` \| (\d+) \|")


@pytest.mark.parametrize("document", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_path_exists(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    paths = {path for code in CODE.findall(text) for path in PATH.findall(code)}
    assert len(paths) > 10
    assert sorted(path for path in paths if not (ROOT / path).exists()) == []


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if name != "CHANGELOG.md"])
def test_every_module_and_every_link_exists(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    modules = {module for code in CODE.findall(text) for module in MODULE.findall(code)}
    gone = {module for module in modules if not any((base / module).exists() for base in (ROOT, ROOT / "musicond"))}
    gone |= {link for link in LINK.findall(text) if not ((ROOT / document).parent / link).exists()}
    assert sorted(gone) == []


def test_twelve_files_are_to_be_read_and_their_lengths_are_about_right() -> None:
    rows = dict(READING.findall((ROOT / "docs/architecture.md").read_text("utf-8")))
    lengths = {path: len((ROOT / path).read_text("utf-8").splitlines()) for path in rows}
    assert len(rows) == 12
    assert 2000 < sum(lengths.values()) < 3000
    wrong = {path: length for path, length in lengths.items() if abs(length - int(rows[path])) > length / 4}
    assert not wrong, "write the present figures into docs/architecture.md"


def test_the_glossary_is_short() -> None:
    [glossary] = re.findall(r"## Glossary\n(.*?)\n## ", (ROOT / "docs/architecture.md").read_text("utf-8"), re.DOTALL)
    assert glossary.count("\n|") - 2 <= 20


@pytest.mark.parametrize("document", ["README.md", "docs/install.md", "deb/musicond.postinst"])
def test_the_page_is_opened_before_the_card_is_made_which_leads_to_it(document: str) -> None:
    commands = re.findall(
        r"sudo musicond (page-link --lan|notice card|privacy off)", (ROOT / document).read_text("utf-8")
    )
    assert list(dict.fromkeys(commands)) == ["page-link --lan", "notice card", "privacy off"]
