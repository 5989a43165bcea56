"""The commands of a document, as script/test-readme and script/test-paths take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools.doc_commands import main

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENT = """# Document

    musicond status

## Lists

Run `musicond status --json`.

    musicond catalogue list [MOOD]    the songs
    musicond pause on|off

```yaml
music:
  library: [/srv/music]
```

## More

    musicond doctor
"""


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        (("Lists",), "musicond catalogue list [MOOD]\nmusicond pause on|off\nmusicond status --json\n"),
        (("Lists", "--blocks"), "musicond catalogue list [MOOD]\nmusicond pause on|off\n"),
        (
            ("Lists", "--blocks", "--fill"),
            "musicond catalogue list happy\nmusicond pause on\nmusicond pause off\n",
        ),
        (("Lists", "--fences", "yaml"), "music:\n  library: [/srv/music]\n"),
        (("More",), "musicond doctor\n"),
    ],
)
def test_commands_and_fences_below_a_heading(
    options: tuple[str, ...], printed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "document.md").write_text(DOCUMENT)
    assert main([str(tmp_path / "document.md"), *options]) == 0
    assert capsys.readouterr().out == printed
