"""Certificates made by openssl, some of which are refused, and a web server that has one."""

from __future__ import annotations

import ssl
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def openssl(folder: Path, *args: str) -> None:
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)


def authority(folder: Path, name: str) -> None:
    """Make a certificate authority."""
    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    extensions = ["-addext", "basicConstraints=critical,CA:true", "-addext", "keyUsage=critical,keyCertSign"]
    openssl(folder, *new, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem", *extensions)


def certificate(folder: Path, name: str, signed_by: str, alt_name: str) -> None:
    """Make a key and a certificate."""
    new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}"]
    openssl(folder, *new, "-keyout", f"{name}.key", "-out", f"{name}.csr")
    (folder / "extensions").write_text(f"subjectAltName={alt_name}\n")
    sign = ["x509", "-req", "-in", f"{name}.csr", "-CA", f"{signed_by}.pem", "-CAkey", f"{signed_by}.key", "-days", "2"]
    openssl(folder, *sign, "-CAcreateserial", "-extfile", "extensions", "-out", f"{name}.pem")


CA_CONFIG = """
[ca]
default_ca = ours
[ours]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = policy
x509_extensions = extensions
[policy]
commonName = supplied
[extensions]
subjectAltName = IP:127.0.0.1
"""


def dated_certificate(folder: Path, name: str, start: str, end: str) -> None:
    """Make a key and a certificate that is valid from one date to another."""
    (folder / "ca.cnf").write_text(CA_CONFIG)
    (folder / "index.txt").write_text("")
    new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}"]
    openssl(folder, *new, "-keyout", f"{name}.key", "-out", f"{name}.csr")
    sign = ["ca", "-batch", "-config", "ca.cnf", "-cert", "ours.pem", "-keyfile", "ours.key", "-in", f"{name}.csr"]
    openssl(folder, *sign, "-startdate", start, "-enddate", end, "-out", f"{name}.pem")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of certificates: `future` and `past` are of another time, `elsewhere` is of another host."""
    folder = tmp_path_factory.mktemp("certificates")
    authority(folder, "ours")
    authority(folder, "theirs")
    certificate(folder, "broker", "ours", "IP:127.0.0.1")
    certificate(folder, "elsewhere", "ours", "DNS:elsewhere.example")
    certificate(folder, "device", "ours", "DNS:den")
    dated_certificate(folder, "future", "20900101000000Z", "21000101000000Z")
    dated_certificate(folder, "past", "20000101000000Z", "20010101000000Z")
    return folder


@contextmanager
def https_server(certificates: Path, name: str) -> Iterator[str]:
    """Run a web server with this certificate that has no page; yield its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / f"{name}.pem", certificates / f"{name}.key")
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client refuses the certificate
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(10)
