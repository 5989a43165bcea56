"""`python -m musicond`: the same as the command `musicond`."""

from __future__ import annotations

import sys

from musicond import block_reload

block_reload(sys.argv[1:])  # before an import takes its time

from musicond.cli import main  # noqa: E402

sys.exit(main())
