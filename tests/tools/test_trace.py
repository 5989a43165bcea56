"""The reading of what strace has seen; script/test-system traces the daemon in a booted system."""

from __future__ import annotations

import pytest

from tests.rig.trace import Sinks, demo_rows


def quoted(text: str) -> str:
    """Return a text as strace writes it."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in text.encode("latin-1")) + '"'


def line(call: str) -> str:
    """Return a line of strace, with its texts in hexadecimal."""
    head, *rest = call.split("'")
    texts = [quoted(text) for text in rest[::2]]
    return "123   " + head + "".join(text + after for text, after in zip(texts, rest[1::2], strict=True))


LINES = (
    "write(5</var/lib/musicond/settings.json.new>, '{}', 2) = 2",
    "sendto(9<TCP:[127.0.0.1:8080->127.0.0.1:41000]>, 'HTTP/1.1 200 OK', 15, 0, NULL, 0) = 15",
    r"pwritev(7</\x76ar/lib/musicond/catalogue.sqlite-wal>, [{iov_base='abc', iov_len=3}, {iov_base='d', iov_len=1}], 2, 0) = 4",
    "openat(AT_FDCWD</>, '/var/lib/musicond/lock', O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 4</var/lib/musicond/lock>",
    "openat(AT_FDCWD</>, '/etc/hosts', O_RDONLY|O_CLOEXEC) = 4</etc/hosts>",
)


def test_what_is_written_is_listed_by_its_sink() -> None:
    sinks = Sinks([b"xyz"])
    for call in LINES:
        sinks.add(line(call))
    assert sinks.sizes == {
        "/var/lib/musicond/settings.json.new": 2,
        "TCP:[127.0.0.1:8080]": 15,
        "/var/lib/musicond/catalogue.sqlite-wal": 4,
    }
    assert sinks.opened == {"/var/lib/musicond/lock"}
    assert sinks.unknown() == []
    assert sinks.with_pictures == set()


def test_a_picture_and_a_file_elsewhere_are_found() -> None:
    rows = demo_rows()
    sinks, row = Sinks(rows), rows[7].decode("latin-1")
    assert len(rows) > 100
    sinks.add(line("write(5</var/lib/musicond/x>, '\xff\xd8\xff\xe0', 4) = 4"))
    sinks.add(line("write(5</var/lib/musicond/y>, 'data:image/png', 4) = 4"))
    sinks.add(f"{line('write(5</srv/raw>, ')}{quoted('head' + row[:9])}, 13) = 13")
    assert "/srv/raw" not in sinks.with_pictures
    sinks.add(f"{line('write(5</srv/raw>, ')}{quoted(row[9:])}, 15) = 15")
    assert sinks.with_pictures == {"/var/lib/musicond/x", "/var/lib/musicond/y", "/srv/raw"}, "in two parts, too"
    assert sinks.unknown() == ["/srv/raw"]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("/var/lib/musicond/settings.json.new", True),
        ("/var/lib/musicond-other/x", False),
        ("/tmp/x", False),
        ("/dev/shm/x", False),
        ("TCP:[127.0.0.1:8080]", True),
        ("TCP:[127.0.0.1:->127.0.0.1:1883]", True),
        ("TCPv6:[[::1]:8080]", True),
        ("TCP:[127.0.0.1:->192.168.1.5:80]", False),
        ("TCP:[192.168.1.4:8080->192.168.1.5:80]", False),
        ("UDP:[192.168.1.4:->9.9.9.9:53]", False),
        ('UNIX-STREAM:[->,"/run/musicond/control.sock"]', True),
        ("NETLINK:[ROUTE:]", True),
        ("pipe:", True),
    ],
)
def test_a_sink_outside_this_machine_is_unknown(name: str, known: bool) -> None:
    sinks = Sinks([])
    sinks.sizes[name] += 1
    assert (sinks.unknown() == []) is known
