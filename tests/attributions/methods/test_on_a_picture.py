"""Every method on a real picture and trained weights: against other libraries, and formulas written again."""

from __future__ import annotations

import pytest
from methods_on_pictures import CASES, Case, compare, pictures

pytestmark = [
    pytest.mark.usefixtures("real_data"),
    pytest.mark.filterwarnings("ignore"),  # of the libraries
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.ours)
def test_the_map_of_a_real_picture_is_that_of_another_way(case: Case) -> None:
    worst, moved, _ = compare(case, list(pictures(1, side=64)), ranks=(1e-9,))
    assert worst <= case.bound
    assert not moved
