"""The documents: every file that they name exists, and docs/architecture.md keeps its size."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.capture.test_picamera_modes import SENSORS

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(str(file.relative_to(ROOT)) for file in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
CODE = re.compile(r"`([^`\n]+)`")
FOLDERS = ("config", "deb", "docs", "models", "musicond", "requirements", "script", "systemd", "tests", "tools")
PATH = re.compile(rf"(?<![\w/.-])(?:{'|'.join(FOLDERS)})/[\w./-]*[\w/]|(?<![\w/.-])[\w-]+\.(?:md|toml)")
MODULE = re.compile(r"(?<![\w/.-])\w+/[\w/]+\.py\b")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


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


FAULTS = """absent, busy, returns, frozen, garbage, size, model file, catalogue, disk is full, can't be written, clock jumps,
broker, network, Spotify, player, attacked, SIGKILL, power, memory, thread, twice, reload, newer version"""


def test_every_row_of_the_faults_names_tests_that_exist() -> None:
    text = (ROOT / "docs/reliability.md").read_text("utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(named) > 30
    assert [pair for pair in named if f"def {pair[1]}(" not in (ROOT / pair[0]).read_text("utf-8")] == []
    rows = [line for line in text.splitlines() if line.startswith("| ") and "---" not in line]
    missing = [
        row for row in rows if not re.search(r"`(tests|script)/[\w/.-]+(::\w+)?`", row) and "| test |" not in row
    ]
    assert missing == [], "each row has its test"
    paths = {path for row in rows for path in re.findall(r"`((?:tests|script|tools)/[\w/.-]+)", row)}
    assert sorted(path for path in paths if not (ROOT / path).is_file()) == []
    [part] = re.findall(r"## From the camera to the power supply\n(.*?)\n## ", text, re.DOTALL)
    kinds = re.findall(r"(?m)^\| ([^|]+) \|", part)
    absent = [word for word in re.split(r",\s", FAULTS) if not any(word in kind for kind in kinds)]
    assert absent == [], "each kind of fault has its row"


KNOWN = re.compile(r"measured: \S|estimated: \S|unknown$|no\b")
"""How a cell of docs/hardware.md says from where it is known."""


def test_what_is_known_of_boards_cameras_and_modes_says_how() -> None:
    text = (ROOT / "docs/hardware.md").read_text("utf-8")
    for heading, names in (
        ("## Boards", "Pi 5, Pi 4, Pi 3, Zero 2 W, amd64"),
        ("## Cameras", "Module 1, vivid, USB, MJPEG"),
    ):
        part = text.partition(f"{heading}\n")[2].partition("\n#")[0]
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"(?m)^\|.*", part)][2:]
        assert [name for name in names.split(", ") if not any(name in row[0] for row in rows)] == []
        assert [cell for row in rows for cell in row[1:] if not KNOWN.match(cell)] == []
    table = re.findall(r"(?m)^\| (\w+) \| ([\w ]+) \| (\d+) x (\d+) \| (\d+) x (\d+) \| estimated \|$", text)
    modes = {sensor: (name, (int(a), int(b)), (int(c), int(d))) for sensor, name, a, b, c, d in table}
    assert modes == {sensor: mode for sensor, mode in SENSORS.items() if "_" not in sensor}


def test_twelve_files_are_to_be_read_and_are_as_long_as_is_said() -> None:
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    [(count, part)] = re.findall(r"## Read these (\d+) files in this order\n(.*?)\n## ", text, re.DOTALL)
    [most] = re.findall(r"Together they have fewer than ([\d,]+) lines\.", part)
    paths = re.findall(r"(?m)^\| `([\w/.]+)` \|", part)
    lengths = {path: len((ROOT / path).read_text("utf-8").splitlines()) for path in paths}
    assert len(lengths) == int(count) == 12
    assert sum(lengths.values()) < int(most.replace(",", "")) == 3000, lengths


def test_the_glossary_is_short() -> None:
    [glossary] = re.findall(r"## Glossary\n(.*?)\n## ", (ROOT / "docs/architecture.md").read_text("utf-8"), re.DOTALL)
    assert glossary.count("\n|") - 2 <= 20


@pytest.mark.parametrize("document", ["README.md", "docs/install.md", "deb/musicond.postinst"])
def test_the_page_is_opened_before_the_card_is_made_which_leads_to_it(document: str) -> None:
    commands = re.findall(
        r"sudo musicond (page-link --lan|notice card|privacy off)", (ROOT / document).read_text("utf-8")
    )
    assert list(dict.fromkeys(commands)) == ["page-link --lan", "notice card", "privacy off"]
