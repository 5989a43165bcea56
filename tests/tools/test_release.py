"""The checks before a release, and the list of what the packages contain."""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tools import make_sbom

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "pyproject.toml": 'version = "1.2.0"\n',
    "musicond/__init__.py": '__version__ = "1.2.0"\n',
    "deb/changelog": "musicond (1.2.0) unstable; urgency=medium\n\n  * New.\n\n -- A <a@example.org>  Wed, 25 Nov 2026 12:00:00 +0000\n",
    "CHANGELOG.md": "# Changelog\n\n## 1.2.0 (2020-11-25)\n",
    ".gitignore": ".venv/\n",
}


def git(folder: Path, *args: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *args]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", "x")
    for name in ("test", "test-system"):
        (folder / f".venv/.passed-{name}").write_text(git(folder, "rev-parse", "HEAD^{tree}") + "\n")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository that is ready for a release."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    for folder in ("script", ".venv"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / "script/release", tmp_path / "script/release")
    git(tmp_path, "init", "-q", "-b", "main")
    commit(tmp_path)
    git(tmp_path, "tag", "v1.1.9")
    return tmp_path


def check(folder: Path, *args: str) -> tuple[int, list[str]]:
    """Return the exit code, and what has failed."""
    done = subprocess.run(["script/release", *args], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, [line for line in done.stdout.splitlines() if line.startswith("failed ")]


def test_a_tree_that_is_ready_passes_here_and_as_a_tag(checkout: Path) -> None:
    assert check(checkout) == (0, [])
    git(checkout, "tag", "v1.2.0")
    assert check(checkout, "--tag", "v1.2.0") == (0, [])
    code, [fault] = check(checkout)
    assert code == 1
    assert "there is no tag v1.2.0 yet" in fault
    assert check(checkout, "--nothing")[0] == 2


CHANGES: dict[str, tuple[str, Callable[[str], str]]] = {
    "musicond/__init__.py has the same": ("musicond/__init__.py", lambda text: text.replace("1.2.0", "1.2.1")),
    "deb/changelog has the same": ("deb/changelog", lambda text: text.replace("1.2.0", "1.1.9")),
    "deb/changelog is no draft": ("deb/changelog", lambda text: text.replace("unstable", "UNRELEASED")),
    "CHANGELOG.md has the same": ("CHANGELOG.md", lambda text: text.replace("## 1.2.0", "## 1.2.1")),
    "CHANGELOG.md gives the day": ("CHANGELOG.md", lambda text: text.replace("2020-11-25", "not released")),
}


@pytest.mark.parametrize("what", CHANGES)
def test_each_file_that_disagrees_is_named_alone(checkout: Path, what: str) -> None:
    name, change = CHANGES[what]
    (checkout / name).write_text(change(FILES[name]))
    commit(checkout)
    code, [fault] = check(checkout)
    assert code == 1
    assert what in fault


def test_a_day_in_the_future_a_lower_version_and_another_tag_are_refused(checkout: Path) -> None:
    (checkout / "CHANGELOG.md").write_text("## 1.2.0 (2999-01-01)\n")
    commit(checkout)
    assert "gives the day" in check(checkout)[1][0]
    git(checkout, "tag", "v1.10.0")
    git(checkout, "tag", "v1.2.0")
    faults = "\n".join(check(checkout, "--tag", "v1.10.0")[1])
    assert "above those of all tags" in faults
    assert "the tag is v1.2.0: it is v1.10.0" in faults


def test_what_is_not_committed_tested_or_on_main_is_refused(checkout: Path) -> None:
    (checkout / "new").touch()
    assert ["all is committed" in fault for fault in check(checkout)[1]] == [True]
    git(checkout, "add", "-A")
    git(checkout, "commit", "-q", "-m", "untested")
    git(checkout, "switch", "-q", "-c", "side")
    faults = "\n".join(check(checkout)[1])
    assert "the branch is main" in faults
    assert "script/test has passed" in faults
    assert "script/test-system has passed" in faults


def make_package(folder: Path, **wheels: str) -> None:
    tree = folder / "tree"
    control = tree / "DEBIAN/control"
    control.parent.mkdir(parents=True)
    control.write_text(
        "Package: musicond\nVersion: 1.2.0~deb13u1\nArchitecture: all\nMaintainer: a <a@example.org>\n"
        "Depends: python3, procps\nDescription: x\n"
    )
    for name, version in wheels.items():
        metadata = tree / f"usr/lib/musicond/vendor/{name}-{version}.dist-info/METADATA"
        metadata.parent.mkdir(parents=True)
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nLicense: MIT\n\nLicense: of the text\n"
        metadata.write_text(text)
    (folder / "trixie").mkdir()
    target = folder / "trixie/musicond_1.2.0_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, target], check=True, stdout=subprocess.DEVNULL)


def test_the_list_of_contents_names_each_wheel_of_a_package(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_package(tmp_path, zeta="2.0", Paho_MQTT="2.2.0")
    assert make_sbom.main([str(tmp_path)]) == 0
    text = capsys.readouterr().out
    bom = json.loads(text)
    [package] = bom["components"]
    serial = uuid.UUID(bom["serialNumber"].removeprefix("urn:uuid:"))
    assert bom["serialNumber"] == f"urn:uuid:{serial}", "actions/attest-sbom asks for it in this form"
    assert (serial.version, serial.variant) == (5, uuid.RFC_4122)
    assert package["purl"] == "pkg:deb/musicond/musicond@1.2.0~deb13u1?arch=all"
    assert package["properties"][0]["value"] == "python3, procps"
    assert len(package["hashes"][0]["content"]) == 64
    assert [wheel["purl"] for wheel in package["components"]] == ["pkg:pypi/paho-mqtt@2.2.0", "pkg:pypi/zeta@2.0"]
    assert package["components"][0]["licenses"] == [{"license": {"name": "MIT"}}]
    make_sbom.main([str(tmp_path)])
    assert capsys.readouterr().out == text
    make_package(tmp_path / "other", zeta="2.0", Paho_MQTT="2.2.1")
    make_sbom.main([str(tmp_path / "other")])
    assert json.loads(capsys.readouterr().out)["serialNumber"] != bom["serialNumber"], "other packages, another number"
    with pytest.raises(SystemExit, match="script/deb"):
        make_sbom.main([str(tmp_path / "nothing")])
