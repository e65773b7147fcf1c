"""Accuracy and F1, against torchmetrics and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torchmetrics.classification import MulticlassAccuracy, MultilabelF1Score

from raybench.base.errors import RaybenchError
from raybench.benchmark.metrics import METRICS
from raybench.benchmark.results.files.predictions import prediction_batches
from raybench.benchmark.results.summary import summarise_predictions
from raybench.benchmark.statistics import PredictionBatch

NAMES = ("top1_accuracy", "top5_accuracy", "f1_per_class", "f1_overall")
ACCURACY = [METRICS.get(name) for name in NAMES[:2]]
F1 = [METRICS.get(name) for name in NAMES[2:]]


def frame_of(targets: torch.Tensor, logits: torch.Tensor) -> pd.DataFrame:
    """Write targets (B, C) bool and logits (B, C) as the runner does."""
    rows = []
    for number, (target, scores) in enumerate(zip(targets, logits, strict=True)):
        rows.append(
            {
                "image_id": f"{number:04d}",
                "targets": " ".join(map(str, target.nonzero().flatten().tolist())),
                "top5": " ".join(map(str, scores.topk(min(5, len(scores))).indices.tolist())),
                "positives": " ".join(map(str, (scores > 0).nonzero().flatten().tolist())),
            }
        )
    return pd.DataFrame(rows)


@pytest.mark.parametrize("top", [1, 5])
def test_accuracy_equals_torchmetrics(top):
    generator = torch.Generator().manual_seed(top)
    logits = torch.randn(300, 12, generator=generator)
    target = torch.randint(12, (300,), generator=generator)
    frame = frame_of(torch.nn.functional.one_hot(target, 12).bool(), logits)
    found = summarise_predictions(frame, ACCURACY, n_classes=12)
    oracle = MulticlassAccuracy(num_classes=12, top_k=top, average="micro")(logits, target)
    assert found[0 if top == 1 else 1].value == pytest.approx(100 * oracle.item(), abs=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_f1_equals_torchmetrics(seed):
    generator = torch.Generator().manual_seed(seed)
    targets = torch.rand(200, 9, generator=generator) < 0.2
    targets[:, 4] = False  # a class that no image shows, and below one that is never predicted
    logits = torch.randn(200, 9, generator=generator) - 0.8 + targets
    logits[:, 5] = -1
    frame = frame_of(targets, logits)
    per_class, overall = summarise_predictions(frame, F1, n_classes=9)
    for found, average in ((per_class, "macro"), (overall, "micro")):
        oracle = MultilabelF1Score(num_labels=9, average=average, threshold=0.5)
        expected = oracle((logits > 0).float(), targets.int()).item()
        assert found.value == pytest.approx(100 * expected, abs=1e-4)
    assert (per_class.aggregate, per_class.n_classes) == ("class_mean", 9)
    assert (overall.aggregate, overall.n) == ("image_mean", 200)


def test_f1_of_a_hand_computed_case():
    # class 0: TP 1, FP 1 -> 2/3; class 1: FN 1 -> 0; class 2: nothing -> 0; micro: 2 / (2 + 1 + 1)
    frame = pd.DataFrame(
        {"image_id": ["a", "b"], "targets": ["0 1", ""], "top5": ["", ""], "positives": ["0", "0"]}
    )
    per_class, overall = summarise_predictions(frame, F1, n_classes=3)
    assert per_class.value == pytest.approx(100 * (2 / 3) / 3)
    assert overall.value == pytest.approx(50)


@pytest.mark.parametrize("name", NAMES)
def test_statistics_add_up_over_batches(name):
    metric = METRICS.get(name)
    generator = np.random.default_rng(0)
    targets = np.eye(7, dtype=bool)[generator.integers(0, 7, size=50)]
    ranking = np.stack([generator.permutation(7)[:5] for _ in range(50)])
    batch = PredictionBatch(tuple(map(str, range(50))), targets, ranking, generator.random((50, 7)) < 0.3)

    def part(rows: slice) -> np.ndarray:
        return metric.function(
            PredictionBatch(
                batch.image_ids[rows], batch.targets[rows], batch.ranking[rows], batch.positives[rows]
            )
        ).sum(axis=0)

    whole = metric.compute(part(slice(None)))
    assert metric.compute(part(slice(0, 13)) + part(slice(13, 50))) == pytest.approx(whole, rel=1e-12)
    assert 0 <= whole <= 100


def test_accuracy_of_an_image_with_two_classes_is_refused():
    frame = pd.DataFrame({"image_id": ["a"], "targets": ["0 1"], "top5": ["0 1 2"], "positives": [""]})
    with pytest.raises(RaybenchError, match=r"image 'a' has 2; ask for F1"):
        summarise_predictions(frame, ACCURACY, n_classes=3)


def test_accuracy_without_top_five_is_refused():
    frame = pd.DataFrame({"image_id": ["a"], "targets": ["0"], "top5": [""], "positives": [""]})
    with pytest.raises(RaybenchError, match="image 'a' has no top five classes"):
        summarise_predictions(frame, ACCURACY, n_classes=3)


@pytest.mark.parametrize(
    ("text", "message"),
    [("3", "has 3 classes from 0"), ("-1", "has 3 classes from 0"), ("cat", "expected integers")],
)
def test_impossible_class_index_names_the_image(text, message):
    frame = pd.DataFrame({"image_id": ["im7"], "targets": [text], "top5": ["0"], "positives": [""]})
    with pytest.raises(RaybenchError, match=f"image 'im7' has class indices '{text}'.*{message}"):
        list(prediction_batches(frame, 3))


def test_input_and_kind_of_each_metric():
    assert {name: METRICS.get(name).view for name in NAMES} == dict.fromkeys(
        NAMES[:2], "crop"
    ) | dict.fromkeys(NAMES[2:], "square")
    assert [METRICS.get(name).multilabel for name in NAMES] == [False, False, True, True]
