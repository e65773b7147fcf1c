"""Which pictures lack a class, against a literal reading; how the rate falls, against torch."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from raybench.base.errors import RaybenchError
from raybench.training.data.targets import LabelBits, SingleLabels
from raybench.training.recipe.recipe import Optimisation
from raybench.training.step.optimisation import learning_rate

HELD = st.lists(st.sets(st.integers(0, 10), min_size=1), min_size=1, max_size=12)


@settings(deadline=None)
@given(HELD, st.integers(0, 99))
def test_bits_give_back_classes_and_negatives_that_lack_them(held: list[set[int]], seed: int) -> None:
    bits = LabelBits.pack(held, 11)
    generator = torch.Generator().manual_seed(seed)
    for index, classes in enumerate(held):
        assert set(np.flatnonzero(bits.target(index).numpy())) == classes
        drawn = bits.draw_class(index, generator)
        assert drawn in classes
        lacking = [place for place, other in enumerate(held) if drawn not in other]
        if lacking:
            negatives = bits.draw_negatives(drawn, generator)
            assert set(negatives) <= set(lacking)
            assert len(set(negatives)) == min(3, len(lacking))
        else:
            with pytest.raises(RaybenchError, match=f"no negatives for class {drawn}"):
                bits.draw_negatives(drawn, generator)
    everywhere = set.intersection(*held)
    assert bits.class_without_negatives() == (min(everywhere) if everywhere else None)


def test_bits_of_a_large_set_are_small() -> None:
    assert LabelBits.pack([[0]] * 1000, 80).bits.nbytes == 10_000


def test_negatives_of_single_labels_come_evenly_from_other_classes() -> None:
    labels = SingleLabels(np.array([0] * 50 + [3] + [7] * 5 + [9] * 2))
    generator = torch.Generator().manual_seed(0)
    drawn = Counter(
        int(labels.labels[place]) for _ in range(1000) for place in labels.draw_negatives(0, generator)
    )
    assert set(drawn) == {3, 7, 9}  # evenly by class, not by picture
    assert all(abs(count - 1000) < 120 for count in drawn.values())
    assert labels.class_without_negatives() is None


def test_single_class_has_no_negatives() -> None:
    labels = SingleLabels(np.array([4, 4]))
    assert labels.class_without_negatives() == 4
    with pytest.raises(RaybenchError, match="no negatives for class 4"):
        labels.draw_negatives(4, torch.Generator())


@pytest.mark.filterwarnings("ignore:Detected call of")
def test_one_cycle_is_that_of_torch() -> None:
    choice = Optimisation(epochs=3, learning_rate=0.2, warm_up=0.3)
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 0.2, total_steps=30, pct_start=0.3, cycle_momentum=False
    )
    for step in range(30):
        assert learning_rate(choice, step, 10) == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-9)
        if step < 29:
            schedule.step()


def test_one_cycle_whose_warm_up_is_one_step_begins_at_the_top() -> None:
    choice = Optimisation(epochs=1, learning_rate=0.1, warm_up=0.2)  # torch divides by zero here
    rates = [learning_rate(choice, step, 5) for step in range(5)]
    assert rates[0] == 0.1
    assert rates[2] == pytest.approx(0.05, rel=1e-3)  # half of half a cosine
    assert rates[4] == pytest.approx(0.1 / 25 / 1e4)


def test_published_rate_falls_to_a_tenth_at_each_milestone() -> None:
    choice = Optimisation(epochs=36, learning_rate=0.01, schedule="steps", milestones=(24, 30))
    rates = [learning_rate(choice, epoch * 7, 7) for epoch in (0, 23, 24, 29, 30, 35)]
    assert rates == pytest.approx([0.01, 0.01, 0.001, 0.001, 0.0001, 0.0001])
    assert learning_rate(choice, 24 * 7 - 1, 7) == 0.01
