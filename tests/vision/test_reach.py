from __future__ import annotations

import re
from pathlib import Path

import pytest

from musicond.capture.picamera import VERTICAL_DEG, model_name
from musicond.capture.transform import vertical_angle
from musicond.capture.v4l2 import TYPICAL_DEG
from musicond.config.schema import Config
from musicond.vision.reach import face_share, reach_m, rounded_reach_m
from tools.rooms import CAMERAS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/camera.md"
ROW = re.compile(r"^\| ([\w ]+) \| (\d+)° \| (\d+) of (\d+) rows \| ([\d.]+) m \|$", re.MULTILINE)


def test_the_share_of_the_height_at_a_distance() -> None:
    """At 4 m a picture of 41 degrees is 2.99 m high, and a face of 0.2 m fills 0.067 of it."""
    assert face_share(41, 4.0) == pytest.approx(0.0669, abs=0.0001)
    assert face_share(41, 2.0) == pytest.approx(2 * face_share(41, 4.0))


@pytest.mark.parametrize(("vertical_deg", "metres"), [(41, 4.86), (49, 3.99), (67, 2.75)])
def test_the_reach_is_where_a_face_has_just_the_smallest_size(vertical_deg: float, metres: float) -> None:
    assert reach_m(vertical_deg, 0.055) == pytest.approx(metres, abs=0.01)
    assert face_share(vertical_deg, reach_m(vertical_deg, 0.055)) == pytest.approx(0.055)


def test_the_table_of_the_document_is_what_the_daemon_computes() -> None:
    angles = {model_name(model): float(angle) for model, angle in VERTICAL_DEG.items()}
    angles["webcam of 640 x 480"] = TYPICAL_DEG
    min_size = Config().faces.min_size
    rows = ROW.findall(DOCUMENT.read_text("utf-8"))
    assert sorted(row[0] for row in rows) == sorted(angles)
    for name, angle, smallest, height, reach in rows:
        assert float(angle) == angles[name]
        assert int(smallest) == round(min_size * int(height))
        assert float(reach) == pytest.approx(reach_m(float(angle), min_size), abs=0.05001)
        assert float(reach) == rounded_reach_m(float(angle), min_size)
    bench = {camera.name: camera.vertical_deg for camera in CAMERAS}
    assert bench.pop("640x480 webcam") == TYPICAL_DEG
    assert bench.items() <= angles.items()


def test_near_doubles_the_reach_and_a_rotated_picture_is_as_high_as_the_sensor_is_wide() -> None:
    whole, near = (vertical_angle(41, 16 / 9, 0, near=near) for near in (False, True))
    assert whole == pytest.approx(41)
    assert reach_m(near, 0.055) == pytest.approx(2 * reach_m(whole, 0.055))
    assert vertical_angle(41, 16 / 9, 90, near=False) == pytest.approx(67.2, abs=0.1)
    assert rounded_reach_m(None, 0.055) is None
