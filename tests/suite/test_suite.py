"""Suites as people write them: what is taken, and in which words the rest is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from raybench.base.errors import RaybenchError
from raybench.benchmark.running.naming import bound_metrics
from raybench.benchmark.suite.suite import Suite, load_suite

GOOD = {
    "name": "mine",
    "protocol": "aaai21",
    "dataset": "imagenet",
    "attributions": "[center]",
    "metrics": "[pointing_game]",
}


def read(folder: Path, **changes: str) -> Suite:
    path = folder / "mine.yaml"
    path.write_text("".join(f"{key}: {value}\n" for key, value in (GOOD | changes).items()))
    return load_suite(path)[0]


@pytest.mark.parametrize(
    ("key", "value", "line", "example"),
    [
        (
            "metrics",
            "[{stochastic_pointing_game: {samples: 100}}]",
            "line 5: metrics.0",
            "{name: stochastic_pointing_game, samples: 100}",
        ),
        ("attributions", "[center, {}]", "line 4: attributions.1", "{name: NAME, option: VALUE}"),
        ("attributions", "[{nme: center}]", "line 4: attributions.0", "{name: NAME, option: VALUE}"),
        ("protocol", "{aaai21: {short_side: 3}}", "line 2: protocol", "{name: aaai21, short_side: 3}"),
    ],
)
def test_options_without_a_name_are_refused_with_the_right_form(
    tmp_path: Path, key: str, value: str, line: str, example: str
) -> None:
    with pytest.raises(RaybenchError) as caught:
        read(tmp_path, **{key: value})
    assert str(caught.value) == (
        f"{tmp_path / 'mine.yaml'}, {line}: expected a name, or a name with options as {example}"
    )


def test_suite_that_measures_nothing_is_refused(tmp_path: Path) -> None:
    suite = read(tmp_path, attributions="[]")
    with pytest.raises(RaybenchError, match="suite 'mine' measures nothing: it names no attributions"):
        bound_metrics(suite)


def test_suite_of_predictions_alone_is_taken(tmp_path: Path) -> None:
    (metric,) = bound_metrics(read(tmp_path, attributions="[]", metrics="[top1_accuracy]"))
    assert metric.metric.name == "top1_accuracy"
