"""Run the image of script/oci offline, as an ordinary user and with a read-only root, by bubblewrap: python -m tests.rig.container ARCHIVE.

The archive is unpacked by the OCI Image Specification, each blob held against its digest. Ends with 1 where a check fails.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Self

USER = 10001
DRIVER = Path(__file__).with_name("in_container.py")


class Archive:
    """An image in the OCI layout."""

    def __init__(self, path: Path) -> None:
        self._tar = tarfile.open(path)  # noqa: SIM115 - `__exit__` closes it

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._tar.close()

    def read(self, name: str) -> bytes:
        """Return a file."""
        file = self._tar.extractfile(name)
        assert file is not None, name
        return file.read()

    def blob(self, descriptor: dict[str, Any]) -> bytes:
        """Return a blob; it must match its descriptor."""
        kind, _, digest = str(descriptor["digest"]).partition(":")
        content = self.read(f"blobs/{kind}/{digest}")
        assert hashlib.sha256(content).hexdigest() == digest, descriptor
        assert len(content) == descriptor["size"], descriptor
        return content

    def images(self) -> dict[str, dict[str, Any]]:
        """Return the manifest of each architecture."""
        assert json.loads(self.read("oci-layout"))["imageLayoutVersion"] == "1.0.0"
        [top] = json.loads(self.read("index.json"))["manifests"]
        index = json.loads(self.blob(top))
        return {each["platform"]["architecture"]: json.loads(self.blob(each)) for each in index["manifests"]}

    def unpack(self, manifest: dict[str, Any], root: Path) -> dict[str, Any]:
        """Unpack the layers into a folder and return the configuration."""
        config: dict[str, Any] = json.loads(self.blob(manifest["config"]))
        for descriptor, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True):
            layer = gzip.decompress(self.blob(descriptor))
            assert f"sha256:{hashlib.sha256(layer).hexdigest()}" == diff_id
            with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
                archive.extractall(root, filter="tar", numeric_owner=True)
        return config


def run_inside(root: Path, data: Path, config: dict[str, Any], home_assistant: Path | None = None) -> int:
    """Run the driver in the image as a container program would, and return its exit code.

    With a folder for `home_assistant` it is started as the Supervisor starts an app: as root, with that folder as /config.
    """
    image = config["config"]
    if home_assistant is None:
        command = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "bwrap", "--unshare-all"]
    else:
        command = ["bwrap", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
        for capability in ("CHOWN", "SETUID", "SETGID", "DAC_OVERRIDE", "FOWNER", "KILL"):
            command += ["--cap-add", f"CAP_{capability}"]
    command += ["--die-with-parent", "--new-session", "--ro-bind", str(root), "/", "--bind", str(data), "/data"]
    command += ["--bind", str(home_assistant), "/config"] if home_assistant else []
    command += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run"]
    command += ["--ro-bind", str(DRIVER), "/run/driver.py", "--chdir", image["WorkingDir"], "--clearenv"]
    for variable in image["Env"]:
        command += ["--setenv", *variable.split("=", 1)]
    start = json.dumps([*image["Entrypoint"], "run", "--source", "demo"])
    return subprocess.run(
        [*command, "/usr/bin/python3", "/run/driver.py", start, json.dumps(image)], check=False
    ).returncode


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path)
    own = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    with (
        Archive(parser.parse_args().archive) as archive,
        tempfile.TemporaryDirectory(prefix="musicond-container.") as name,
    ):
        folder = Path(name)
        folder.chmod(0o755)
        for arch, manifest in archive.images().items():
            root, data = folder / arch, folder / f"data-{arch}"
            root.mkdir()
            data.mkdir()
            os.chown(data, USER, USER)
            config = archive.unpack(manifest, root)
            size = sum(path.lstat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())
            print(f"ok    {arch}: every digest is right; {size // 10**6} MB unpacked")
            assert config["architecture"] == arch
            assert config["config"]["User"] == f"{USER}:{USER}"
            set_uid = [path for path in root.rglob("*") if not path.is_symlink() and path.lstat().st_mode & 0o6000]
            assert not set_uid, set_uid
            if arch == own:
                if run_inside(root, data, config):
                    return 1
                app_data, app_config = folder / "app-data", folder / "app-config"
                for path in (app_data, app_config):
                    path.mkdir()
                (app_data / "options.json").write_text("{}")
                print("      as an app of Home Assistant:", flush=True)
                if run_inside(root, app_data, config, app_config):
                    return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
