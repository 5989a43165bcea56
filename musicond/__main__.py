"""`python -m musicond`: the same as the command `musicond`."""

from __future__ import annotations

import sys

from musicond.cli import main

sys.exit(main())
