"""Write the man pages and the bash completion of the Debian package: python tools/make_man.py FOLDER."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from email.utils import parsedate_to_datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ["COLUMNS"] = "80"  # for argparse's usage lines

import shtab
from argparse_manpage.manpage import Manpage

from musicond import __version__
from musicond.cli import COMMANDS, build_parser
from musicond.config.schema import RELOADABLE

FILES = """\
.SH FILES
.TP
.I /etc/musicond/musicon.yaml
the configuration, see
.BR musicon.yaml (5)
.TP
.I /var/lib/musicond
the catalogue of songs, and what persons have switched
.SH EXIT STATUS
0 done, 1 a fault of the program, 2 wrong usage, 69 something needed is not available, 78 the configuration or the
model is wrong.
.SH SIGNALS
SIGHUP
.RB ( "systemctl reload musicond" )
reads the configuration again. SIGTERM ends the daemon.
.SH SEE ALSO
.BR musicon.yaml (5),
.BR systemctl (1),
.BR journalctl (1)
"""


def release_day() -> str:
    """Return the day of the newest entry of deb/changelog, as YYYY-MM-DD."""
    [date, *_] = re.findall(r"(?m)^ -- .*>  (.*)$", (ROOT / "deb/changelog").read_text("utf-8"))
    return f"{parsedate_to_datetime(date):%Y-%m-%d}"


def command_page() -> str:
    """Return musicond(1)."""
    parser = build_parser(*COMMANDS)
    parser.prog = "musicond"
    parser.man_short_description = "reads the mood of the room from a camera and recommends music"  # type: ignore[attr-defined] # read by argparse-manpage
    page = str(Manpage(parser, format="pretty"))
    title = f'.TH MUSICOND 1 "{release_day()}" "musicond {__version__}" "User Commands"'
    return f"{re.sub(r'(?m)^[.]TH .*$', title, page).rstrip()}\n{FILES}"


def configuration_page() -> str:
    """Return musicon.yaml(5): the shipped file, which explains every key."""
    shipped = (ROOT / "config/musicon.yaml").read_text("utf-8").split("\n", 2)[2]
    shown = shipped.replace("\\", "\\\\").replace("-", "\\-")
    shown = re.sub(r"(?m)^([.'])", r"\\&\1", shown)
    keys = ", ".join(f"{key}*" if key.endswith(".") else key for key in RELOADABLE)
    return (
        textwrap.dedent(f"""\
        .TH MUSICON.YAML 5 "{release_day()}" "musicond {__version__}" "File Formats"
        .SH NAME
        musicon.yaml \\- configuration of musicond
        .SH DESCRIPTION
        Every key has a default, and the daemon works without the file. What follows is the file as it is shipped.
        .PP
        A reload
        .RB ( "systemctl reload musicond" )
        takes over these keys: {keys}. A file with faults is not taken over, and the journal names each of them. All
        other keys wait for a restart.
        .SH THE FILE
        .nf
        """)
        + f"{shown.rstrip()}\n.fi\n.SH SEE ALSO\n.BR musicond (1)\n"
    )


def completion() -> str:
    """Return the completion for bash."""
    return str(shtab.complete(build_parser(*COMMANDS), shell="bash"))  # noqa: S604 - the name of a language


FILE_TEXTS = {"musicond.1": command_page, "musicon.yaml.5": configuration_page, "completion.bash": completion}

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name, get_text in FILE_TEXTS.items():
        (folder / name).write_text(get_text(), "utf-8")
