"""The sample that a suite draws."""

from __future__ import annotations

from raybench.benchmark.suite import Suite


def suite(**changes: object) -> Suite:
    return Suite.model_validate(
        {"name": "one", "protocol": "aaai21", "dataset": "shapes", "metrics": ["deletion"], **changes}
    )


IDS = [f"image{number}" for number in range(200)]


def test_a_sample_is_drawn_by_the_seed_and_smaller_ones_are_parts_of_it() -> None:
    large, small = suite(images=50).drawn(IDS, None), suite(images=50).drawn(IDS, 10)
    assert (len(large), len(small)) == (50, 10)
    assert set(small) < set(large)
    assert list(large) == sorted(large) != list(range(50))
    assert suite(images=50, seed=1).drawn(IDS, None) != large
    assert suite(images=500).drawn(IDS, None) == tuple(range(200))


def test_a_limit_draws_as_a_suites_own_sample_does() -> None:
    assert suite().drawn(IDS, 10) == suite(images=10).drawn(IDS, None) == suite(images=50).drawn(IDS, 10)
    assert suite().drawn(IDS, None) == tuple(range(200))
