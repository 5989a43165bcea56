#!/usr/bin/env python3
"""Pack root file systems into an image in the OCI layout, as a tar archive; the same files give the same bytes.

    oci/pack.py --root amd64=DIR --root arm64=DIR --version 0.1.0 --epoch SECONDS --layers DIR --out musicond-oci.tar

Each architecture has one layer, which also stays in --layers as rootfs-ARCH.tar.gz. The formats are those of the OCI
Image Specification 1.1; `Healthcheck` is Docker's, and other programs ignore it.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path

USER = 10001
MEDIA = "application/vnd.oci.image"
SECOND = 1_000_000_000
"""Nanoseconds."""
HEALTH = ["CMD", "/usr/lib/musicond-container/health"]
CONFIG = {
    "User": f"{USER}:{USER}",
    "Env": [
        "PATH=/usr/bin:/bin",
        "STATE_DIRECTORY=/data",
        "PYTHONDONTWRITEBYTECODE=1",
        "HOME=/data",
        "LC_ALL=C.UTF-8",
    ],
    "Entrypoint": ["/usr/lib/musicond-container/start"],
    "Cmd": ["run", "--ask-consent"],
    "Volumes": {"/data": {}},
    "WorkingDir": "/data",
    "ExposedPorts": {"8080/tcp": {}},
    "StopSignal": "SIGTERM",
    "Healthcheck": {"Test": HEALTH, "Interval": 30 * SECOND, "Timeout": 10 * SECOND, "StartPeriod": 60 * SECOND},
}


class Layout:
    """The blobs of an image, by their digests."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    def add(self, content: bytes, kind: str) -> dict[str, object]:
        """Keep a blob and return its descriptor."""
        digest = hashlib.sha256(content).hexdigest()
        self.blobs[digest] = content
        return {"mediaType": f"{MEDIA}.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    def add_json(self, value: object, kind: str) -> dict[str, object]:
        """Keep a JSON document and return its descriptor."""
        return self.add(json.dumps(value, sort_keys=True, separators=(",", ":")).encode(), kind)


def pack_layer(root: Path, epoch: int) -> bytes:
    """Return a root file system as a tar; only /data belongs to the ordinary user."""

    def clean(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = USER if member.name == "data" else 0
        member.uname = member.gname = ""
        member.mtime = min(int(member.mtime), epoch)
        member.pax_headers = {}
        return member

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted(root.rglob("*")):
            archive.add(path, str(path.relative_to(root)), recursive=False, filter=clean)
    return buffer.getvalue()


def add_image(layout: Layout, arch: str, layer: bytes, packed: bytes, version: str, created: str) -> dict[str, object]:
    """Keep the image of an architecture and return its descriptor."""
    labels = {
        "org.opencontainers.image.title": "musicond",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": "MIT",
    }
    config = {
        "architecture": arch,
        "os": "linux",
        "created": created,
        "config": {**CONFIG, "Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        "history": [{"created": created, "created_by": "script/oci"}],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{MEDIA}.manifest.v1+json",
        "config": layout.add_json(config, "config.v1+json"),
        "layers": [layout.add(packed, "layer.v1.tar+gzip")],
    }
    return layout.add_json(manifest, "manifest.v1+json") | {"platform": {"architecture": arch, "os": "linux"}}


def write_archive(layout: Layout, index: dict[str, object], version: str, out: Path) -> None:
    """Write the layout; its index names one image for several platforms."""
    top = layout.add_json(index, "index.v1+json") | {
        "annotations": {
            "org.opencontainers.image.ref.name": version,
            "io.containerd.image.name": f"docker.io/library/musicond:{version}",
        }
    }
    files = {f"blobs/sha256/{digest}": content for digest, content in layout.blobs.items()}
    files["oci-layout"] = json.dumps({"imageLayoutVersion": "1.0.0"}).encode()
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [top]}, sort_keys=True).encode()
    with tarfile.open(out, "w", format=tarfile.GNU_FORMAT) as archive:
        for name in ("blobs", "blobs/sha256"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(folder)
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size = len(files[name])
            archive.addfile(member, io.BytesIO(files[name]))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", action="append", required=True, metavar="ARCH=DIR")
    parser.add_argument("--version", required=True)
    parser.add_argument("--epoch", type=int, required=True)
    parser.add_argument("--layers", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    created = datetime.fromtimestamp(args.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    layout, manifests = Layout(), []
    for arch, _, root in (each.partition("=") for each in args.root):
        layer = pack_layer(Path(root), args.epoch)
        packed = gzip.compress(layer, 6, mtime=0)
        (args.layers / f"rootfs-{arch}.tar.gz").write_bytes(packed)
        manifests.append(add_image(layout, arch, layer, packed, args.version, created))
    index: dict[str, object] = {"schemaVersion": 2, "mediaType": f"{MEDIA}.index.v1+json", "manifests": manifests}
    write_archive(layout, index, args.version, args.out)


if __name__ == "__main__":
    main()
