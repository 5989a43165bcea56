"""The parts of the container image that need no build: the packing of a root file system, and the app's files."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from musicond.config.loader import load
from tests.rig.container import Archive

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
OCI = ROOT / "oci"
USER = 10001


def make_root(folder: Path) -> Path:
    root = folder / "root"
    (root / "data").mkdir(parents=True)
    (root / "usr").mkdir()
    (root / "usr/program").write_text("#!/bin/sh\n")
    (root / "usr/program").chmod(0o755)
    (root / "bin").symlink_to("usr")
    return root


def pack(folder: Path, root: Path, name: str) -> Path:
    layers, out = folder / f"layers-{name}", folder / f"{name}.tar"
    layers.mkdir()
    options = ["--root", f"amd64={root}", "--root", f"arm64={root}", "--version", "1.2.0", "--epoch", "1764000000"]
    subprocess.run([sys.executable, OCI / "pack.py", *options, "--layers", layers, "--out", out], check=True)
    return out


def test_an_image_for_two_platforms_has_right_digests_and_the_same_bytes_twice(tmp_path: Path) -> None:
    root = make_root(tmp_path)
    path = pack(tmp_path, root, "first")
    (root / "usr/program").touch()
    assert pack(tmp_path, root, "second").read_bytes() == path.read_bytes()
    with Archive(path) as archive:
        images = archive.images()
        config = json.loads(archive.blob(images["arm64"]["config"]))
        layer = archive.blob(images["amd64"]["layers"][0])
    assert list(images) == ["amd64", "arm64"]
    assert config["architecture"] == "arm64"
    assert config["config"]["User"] == f"{USER}:{USER}"
    assert layer == (tmp_path / "layers-first/rootfs-amd64.tar.gz").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(layer)) as tree:
        owners = {member.name: (member.uid, member.gid) for member in tree}
        assert tree.getmember("usr/program").mode == 0o755
        assert tree.getmember("bin").issym()
    assert owners == {"bin": (0, 0), "data": (USER, USER), "usr": (0, 0), "usr/program": (0, 0)}


def test_a_blob_that_was_changed_is_found(tmp_path: Path) -> None:
    path = pack(tmp_path, make_root(tmp_path), "image")
    with tarfile.open(path) as archive:
        member = max((each for each in archive if each.isfile()), key=lambda each: each.size)
        offset = member.offset_data
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)
    with Archive(path) as archive, pytest.raises(AssertionError):
        [archive.unpack(manifest, tmp_path / "out") for manifest in archive.images().values()]


def test_the_app_starts_as_the_image_does() -> None:
    packer = (OCI / "pack.py").read_text()
    lines = (OCI / "homeassistant/Dockerfile").read_text().splitlines()
    recipe = {line.split(" ", 1)[0]: line.split(" ", 1)[1] for line in lines if line and not line.startswith("#")}
    for variable in recipe["ENV"].split():
        assert f'"{variable}"' in packer
    for key in ("ENTRYPOINT", "CMD"):
        [program, *_] = json.loads(recipe[key])
        assert f'"{program}"' in packer
    assert json.loads(recipe["HEALTHCHECK"].partition("CMD ")[2])[0] in packer
    app = yaml.safe_load((OCI / "homeassistant/config.yaml").read_text())
    assert app["ingress"] is True
    assert f"{app['ingress_port']}/tcp" in app["ports"]
    assert app["ports"]["8080/tcp"] is None, "open only to who opens it"
    assert "CSI" in (OCI / "homeassistant/DOCS.md").read_text()
    for language in ("en", "de"):
        texts = yaml.safe_load((OCI / f"homeassistant/translations/{language}.yaml").read_text("utf-8"))
        assert texts["network"].keys() == app["ports"].keys()


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The container's first program, with folders of this machine for those of the image."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = SourceFileLoader("start", str(OCI / "start"))
    spec = spec_from_loader("start", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    monkeypatch.setattr(module, "DATA", tmp_path)
    monkeypatch.setattr(module, "CONFIG", tmp_path / "musicon.yaml")
    monkeypatch.setattr(module, "TEMPLATE", ROOT / "config/musicon.yaml")
    monkeypatch.setattr(module, "IN_HOME_ASSISTANT", tmp_path / "options.json")
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    return module


def test_each_start_opens_the_page_if_its_configuration_does_not(start: ModuleType, tmp_path: Path) -> None:
    config, token = tmp_path / "musicon.yaml", tmp_path / "page-token"
    assert start.prepare() == 0
    opened, secret = config.read_text(), token.read_text()
    config.unlink()
    assert start.prepare() == 0
    assert config.read_text() == opened, "a new configuration is opened, although the token is there"
    assert token.read_text() == secret
    web = load(config).config.web
    assert web.address == ("0.0.0.0", 8080)
    assert web.token_file == token
    token.unlink()
    assert start.prepare() == 0
    assert len(token.read_text()) > 16, "a token that was removed is made again"


def test_a_start_keeps_a_page_that_was_closed_in_the_configuration(start: ModuleType, tmp_path: Path) -> None:
    config = tmp_path / "musicon.yaml"
    config.write_text("web: {listen: '127.0.0.1:8080'}\n")
    assert start.prepare() == 0
    assert config.read_text() == "web: {listen: '127.0.0.1:8080'}\n"
    assert not (tmp_path / "page-token").exists()
