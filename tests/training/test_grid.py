"""Grid images: where things go, and what never shares a grid."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from raybench.base.errors import RaybenchError
from raybench.training import draw_negatives, make_grids


def test_grid_holds_the_image_and_its_negatives_in_reading_order() -> None:
    images = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 2, 3)
    grids = make_grids(images, torch.tensor([[1, 2, 3]]).expand(4, 3), torch.tensor([0, 1, 2, 3]))
    corners = grids[:, 0, ::2, ::3].reshape(4, 4)
    expected = torch.tensor([[0.0, 1, 2, 3], [1, 1, 2, 3], [1, 2, 2, 3], [1, 2, 3, 3]])
    assert torch.equal(corners, expected)
    assert grids.shape == (4, 3, 4, 6)


def test_quadrant_keeps_the_pixels_of_its_image() -> None:
    images = torch.randn(2, 3, 5, 7)
    grids = make_grids(images, torch.ones(2, 3, dtype=torch.long), torch.tensor([2, 0]))
    assert torch.equal(grids[0, :, 5:, :7], images[0])
    assert torch.equal(grids[0, :, :5, 7:], images[1])


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), min_size=4, max_size=12), st.integers(0, 99))
def test_negatives_never_have_the_class(labels: list[int], seed: int) -> None:
    targets = torch.tensor(labels)
    if len(set(labels)) == 1:
        return
    negatives = draw_negatives(targets, targets, torch.Generator().manual_seed(seed))
    assert negatives.shape == (len(labels), 3)
    assert (targets[negatives] != targets[:, None]).all()
    for own, row in zip(labels, negatives.tolist(), strict=True):
        assert len(set(row)) == min(3, sum(label != own for label in labels))


def test_negatives_of_several_labels_hold_none_of_the_class() -> None:
    targets = torch.tensor(
        [[True, True, False], [False, True, True], [False, False, True], [True, False, False]]
    )
    negatives = draw_negatives(targets, torch.tensor([0, 1, 2, 0]), torch.Generator().manual_seed(0))
    allowed = [{1, 2}, {2, 3}, {0, 3}, {1, 2}]
    assert all(set(row) == set(rows) for row, rows in zip(negatives.tolist(), allowed, strict=True))


def test_batch_of_one_class_has_no_negatives() -> None:
    targets = torch.tensor([5, 5, 5])
    with pytest.raises(RaybenchError, match="no negatives for class 5"):
        draw_negatives(targets, targets, torch.Generator())
