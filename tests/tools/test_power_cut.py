"""The judge of script/test-power-cut, and what the virtual machine reports to it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from musicond.config.user_settings import to_json
from musicond.core.models import Policy
from musicond.core.settings import Settings
from musicond.library.database import FILE_NAME
from musicond.library.recovery import open_catalogue
from musicond.runtime.json_file import JsonFile
from tests.rig.power_cut import Ledger
from tests.rig.power_cut_check import read_state

if TYPE_CHECKING:
    from pathlib import Path

WELL: dict[str, Any] = {"integrity": "ok", "likes": {"a": 2}, "settings": {"policy": "lift"}, "damaged": []}


def ledger() -> Ledger:
    return Ledger(Counter(a=3), Counter(a=2), {"policy": ["lift"], "private": [False, True]})


def test_what_is_stored_as_it_was_acknowledged_is_well() -> None:
    assert ledger().judge(WELL) == []
    assert ledger().judge({**WELL, "likes": {"a": 3}, "settings": {"policy": "lift", "private": True}}) == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"integrity": "row 3 missing"}, "integrity check: row 3 missing"),
        ({"likes": {}}, "2 likes acknowledged, 0 stored"),
        ({"likes": {"a": 4}}, "4 stored, 3 sent"),
        ({"settings": {}}, "policy is None"),
        ({"damaged": ["settings.damaged"]}, "settings.damaged was kept as damaged"),
        ({"error": "OSError: no disk"}, "no disk"),
    ],
)
def test_each_loss_and_each_damage_is_found(change: dict[str, Any], why: str) -> None:
    faults = ledger().judge({**WELL, **change})
    assert len(faults) == 1
    assert why in faults[0]


def test_a_state_is_reported_without_a_change(tmp_path: Path) -> None:
    assert read_state(tmp_path)["integrity"] is None
    open_catalogue(tmp_path / FILE_NAME).close()
    JsonFile(tmp_path / "settings.json").save(to_json(Settings(policy=Policy.LIFT)))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    report = read_state(tmp_path)
    assert (report["integrity"], report["likes"], report["damaged"]) == ("ok", {}, [])
    assert isinstance(report["settings"], dict)
    assert report["settings"]["policy"] == "lift"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
