from __future__ import annotations

import pytest

from musicond.vision.reach import face_share, reach_m


def test_the_share_of_the_height_at_a_distance() -> None:
    """At 4 m a picture of 41 degrees is 2.99 m high, and a face of 0.2 m fills 0.067 of it."""
    assert face_share(41, 4.0) == pytest.approx(0.0669, abs=0.0001)
    assert face_share(41, 2.0) == pytest.approx(2 * face_share(41, 4.0))


@pytest.mark.parametrize(("vertical_deg", "metres"), [(41, 4.86), (49, 3.99), (67, 2.75)])
def test_the_reach_is_where_a_face_has_just_the_smallest_size(vertical_deg: float, metres: float) -> None:
    assert reach_m(vertical_deg, 0.055) == pytest.approx(metres, abs=0.01)
    assert face_share(vertical_deg, reach_m(vertical_deg, 0.055)) == pytest.approx(0.055)
