"""Print what the Debian packages of a folder contain, as CycloneDX 1.6: python tools/make_sbom.py dist.

Every package is a component, and every wheel that it brings along is one within it, by the METADATA in the package.
The packages that apt adds stand in the property `debian:depends`. The same packages give the same bytes.
It needs dpkg-deb.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import uuid
from email.parser import Parser
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_LICENSE = 100
"""Longest name of a licence, in characters; some wheels give its whole text there."""
Component = dict[str, object]
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://cyclonedx.org/schema/bom-1.6.schema.json")
"""What the serial numbers are made in (RFC 9562, version 5)."""


def _run(*command: str | Path) -> bytes:
    return subprocess.run(["dpkg-deb", *map(str, command)], check=True, capture_output=True).stdout  # noqa: S603, S607 - our own arguments, in Debian's path


def wheels(package: Path) -> Iterator[Component]:
    """Yield the wheels in a package, by name."""
    found = []
    with tarfile.open(fileobj=io.BytesIO(_run("--fsys-tarfile", package))) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.name.endswith(".dist-info/METADATA") else None
            if file is not None:
                found.append(Parser().parsestr(file.read().decode("utf-8", "replace"), headersonly=True))
    for metadata in sorted(found, key=lambda metadata: str(metadata["Name"]).lower()):
        name, version = str(metadata["Name"]), str(metadata["Version"])
        component: Component = {"type": "library", "name": name, "version": version}
        component["purl"] = f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"
        license_name = metadata["License-Expression"] or metadata["License"]
        if license_name and len(license_name) <= MAX_LICENSE:
            component["licenses"] = [{"license": {"name": license_name}}]
        yield component


def describe(package: Path) -> Component:
    """Return the component of a package."""
    fields = Parser().parsestr(_run("--field", package).decode())
    name, version, arch = (str(fields[key]) for key in ("Package", "Version", "Architecture"))
    return {
        "type": "application",
        "bom-ref": f"{name}_{version}_{arch}",
        "name": name,
        "version": version,
        "purl": f"pkg:deb/musicond/{name}@{version}?arch={arch}",
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(package.read_bytes()).hexdigest()}],
        "properties": [{"name": "debian:depends", "value": str(fields["Depends"] or "")}],
        "components": list(wheels(package)),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="what script/deb wrote")
    folder = parser.parse_args(argv).folder
    packages = sorted(folder.glob("*/*.deb"))
    if not packages:
        sys.exit(f"tools/make_sbom.py: {folder} holds no packages; run: script/deb")
    digests = "".join(hashlib.sha256(package.read_bytes()).hexdigest() for package in packages)
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, digests)}",  # actions/attest-sbom refuses a list without one
        "version": 1,
        "components": [*map(describe, packages)],
    }
    print(json.dumps(bom, indent=1, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
