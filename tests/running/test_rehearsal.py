"""Networks, methods and metrics that do not keep what they promise are found before anything is measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import yaml
from tiny_suite import TinySuite, manifest_of
from torch import Tensor, nn

from raybench.__main__ import main
from raybench.base import RaybenchError
from raybench.benchmark.measuring import attribute
from raybench.benchmark.measuring.rehearsal import kind_of_scores
from raybench.benchmark.results import open_results, remarks
from raybench.benchmark.running import evaluate, networks
from raybench.benchmark.suite import Settings
from raybench.checkpoints import Card, Network, load_network, network_from_module

MODULE = "from raybench.benchmark.metrics import localisation_metric\nimport torch\n"


class Changed(nn.Module):
    """The tiny network with something done to its scores."""

    def __init__(self, inner: nn.Module, change: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.inner, self.change = inner, change

    def forward(self, images: Tensor) -> Any:
        return self.change(self.inner(images))


def changed(tiny: TinySuite, change: Callable[[Tensor], Any]) -> Network:
    plain = load_network(tiny.folder / "first.yaml")
    return network_from_module(
        Changed(plain.module, change), name="mine", classes=plain.classes, target_layer="inner.layer4"
    )


def settings(tiny: TinySuite, **further: object) -> Settings:
    given = {"data": {"shapes": tiny.data}, "out": tiny.folder / "out", "workers": 0, "limit": 2}
    return Settings(**{**given, "processes": 1, **further})


def run(tiny: TinySuite, network: Network, **suite: object):
    asked = {"attributions": ["grad_cam"], "metrics": ["top1_accuracy", "content_heatmap"], **suite}
    return evaluate(tiny.with_suite(**asked), settings(tiny), networks=[network])


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_scores_that_are_no_numbers_are_refused_with_network_and_image(tiny: TinySuite, value: str) -> None:
    network = changed(tiny, lambda scores: scores + float(value))
    with pytest.raises(
        RaybenchError, match=r"'mine' gives scores that are not finite .* \(image 'shapes_val_\d+'\)"
    ):
        run(tiny, network)
    assert not list((tiny.folder / "out").rglob("records*.csv"))
    with pytest.raises(RaybenchError, match="'mine' gives scores that are not finite"):
        attribute(network, _picture(), [0])


def test_another_number_of_scores_than_classes_is_refused_everywhere(tiny: TinySuite) -> None:
    network = changed(tiny, lambda scores: torch.cat([scores, scores[:, :1]], dim=1))
    for ask in (lambda: run(tiny, network), lambda: attribute(network, _picture(), [0])):
        with pytest.raises(RaybenchError, match="'mine' gives 13 scores for each picture, but .* 12 classes"):
            ask()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda scores: {"logits": scores, "features": scores[:, :3], "aux": scores},
        lambda scores: (scores, scores[:, :3]),
        lambda scores: [scores[:, :3], scores],
        lambda scores: scores[:, :, None, None],
        lambda scores: torch.return_types.max((scores, scores[:, 0])),
    ],
)
def test_scores_among_several_outputs_are_measured_as_if_alone(
    tiny: TinySuite, wrap: Callable[[Tensor], Any]
) -> None:
    expected = run(tiny, changed(tiny, lambda scores: scores)).records("mine", "grad_cam")
    found = evaluate(
        tiny.with_suite(attributions=["grad_cam"], metrics=["top1_accuracy", "content_heatmap"]),
        settings(tiny, out=tiny.folder / "wrapped"),
        networks=[changed(tiny, wrap)],
    )
    assert found.records("mine", "grad_cam").equals(expected)


def test_outputs_among_which_the_scores_cannot_be_told_are_refused(tiny: TinySuite) -> None:
    with pytest.raises(
        RaybenchError, match=r"returns a tuple \(0: float32 \(1, 12\), 1: .*more than one could"
    ):
        run(tiny, changed(tiny, lambda scores: (scores, scores)))
    with pytest.raises(RaybenchError, match="returns int64 \\(1,\\); expected one row of class scores"):
        run(tiny, changed(tiny, lambda scores: scores.argmax(dim=1)))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda scores: scores.softmax(dim=1), "probabilities of a softmax"),
        (lambda scores: scores.log_softmax(dim=1), "log-softmax"),
        (lambda scores: scores.sigmoid(), "probabilities of a sigmoid"),
    ],
)
def test_outputs_that_are_no_logits_are_said_in_run_json_and_below_tables(
    tiny: TinySuite, change: Callable[[Tensor], Tensor], word: str
) -> None:
    results = run(tiny, changed(tiny, change))
    (remark,) = manifest_of(results.out)["remarks"]["mine"]
    assert word in remark
    assert f"mine: {remark}" in remarks([open_results(results.out)])


def test_small_positive_logits_are_not_taken_for_those_of_a_sigmoid(tiny: TinySuite) -> None:
    results = run(tiny, changed(tiny, lambda scores: 1e-3 * scores.relu() + 1e-6))
    assert manifest_of(results.out)["remarks"] == {}


def test_kinds_of_scores_by_hand() -> None:
    assert kind_of_scores(torch.tensor([[0.25, 0.75], [1.0, 0.0]])) == "softmax"
    assert kind_of_scores(torch.tensor([[0.25, 0.75], [0.5, 0.9]])) == "sigmoid"
    assert kind_of_scores(torch.tensor([[0.5, 0.5], [-0.5, 1.5]])) == ""


def test_maps_below_zero_are_refused_and_those_of_a_signed_method_are_not(tiny: TinySuite) -> None:
    (tiny.folder / "mine.py").write_text(
        "from raybench.attributions import attribution\n"
        "@attribution('minus')\n"
        "def minus(network, images, image_index, class_index):\n"
        "    return images[image_index].amax(dim=1) - 1\n"
        "def free(network, images, image_index, class_index):\n"
        "    return images[image_index].amax(dim=1) - 1\n"
    )
    suite = tiny.with_suite(attributions=["mine.py:minus"], checkpoints=["first.yaml"])
    with pytest.raises(RaybenchError, match="'minus' returned a map with negative values, down to -"):
        evaluate(suite, settings(tiny, trust_code=True))
    suite = tiny.with_suite(attributions=["mine.py:free"], checkpoints=["first.yaml"])
    assert evaluate(suite, settings(tiny, trust_code=True)).manifest["status"] == "complete"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return batch.saliency.sum(dim=(1, 2)).double() * float('nan')", "'odd' returned NaN"),
        ("return torch.full((len(batch.saliency),), 280.0)", "'odd' returned 280, outside of its bounds"),
        ("return torch.zeros(len(batch.saliency), 2)", r"a tensor \(\d, 2\); expected one number for each"),
        ("return 50.0", "'odd' returned a float; expected one number for each"),
        ("return batch.saliency[:, 10**6, 0]", "metric 'odd' has failed .*IndexError: .* at mine.py, line"),
        (
            "return torch.full((len(batch.saliency),), 37.0)",
            "'odd' gives 37 for box_oracle, the region itself",
        ),
    ],
)
def test_metrics_that_break_their_promise_are_refused_before_the_start(
    tiny: TinySuite, body: str, message: str
) -> None:
    (tiny.folder / "mine.py").write_text(
        f"{MODULE}@localisation_metric('odd')\ndef odd(batch):\n    {body}\n"
    )
    suite = tiny.with_suite(attributions=["center"], metrics=["mine.py:odd"], checkpoints=None)
    with pytest.raises(RaybenchError, match=message):
        evaluate(suite, settings(tiny, trust_code=True))
    assert not list((tiny.folder / "out").rglob("records*.csv"))


def test_what_breaks_later_than_the_rehearsal_ends_the_run_with_the_image(tiny: TinySuite) -> None:
    (tiny.folder / "mine.py").write_text(
        f"{MODULE}CALLS = []\n@localisation_metric('late', perfect=None)\ndef late(batch):\n"
        "    CALLS.append(0)\n"
        "    value = float('nan') if len(CALLS) > 5 else 1.0\n"
        "    return torch.full((len(batch.saliency),), value)\n"
    )
    suite = tiny.with_suite(attributions=["center"], metrics=["mine.py:late"], checkpoints=None)
    with pytest.raises(RaybenchError, match=r"'late' returned NaN, which is no number \(image 'shapes_val_"):
        evaluate(suite, settings(tiny, trust_code=True, limit=None))


def test_an_error_inside_a_layer_is_one_sentence_with_the_layer_and_the_shapes(tiny: TinySuite) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3, 4), nn.Sequential(nn.ReLU(), nn.Flatten()), nn.Linear(7, 12))
    classes = load_network(tiny.folder / "first.yaml").classes
    network = network_from_module(module, name="mine", classes=classes, target_layer="0")
    with pytest.raises(RaybenchError, match=r"'mine' fails on .*, in layer '2' \(Linear\) given \(1, \d+\)"):
        run(tiny, network)


class Shifting(nn.Module):
    """Writes into the pictures that it is given."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, images: Tensor) -> Tensor:
        images -= 0.5
        scores: Tensor = self.inner(images)
        return scores


def test_a_network_that_writes_into_its_input_is_refused(tiny: TinySuite) -> None:
    plain = load_network(tiny.folder / "first.yaml")
    network = network_from_module(
        Shifting(plain.module), name="mine", classes=plain.classes, target_layer="inner.layer4"
    )
    for ask in (lambda: run(tiny, network), lambda: attribute(network, _picture(), [0])):
        with pytest.raises(RaybenchError, match="'mine', or .* changes its input in place"):
            ask()


def test_a_network_that_overflows_on_no_picture_of_the_data_is_measured(tiny: TinySuite) -> None:
    network = changed(tiny, lambda scores: torch.where(scores.abs() < 1e3, scores, scores / 0))
    assert run(tiny, network).manifest["status"] == "complete"


def test_weights_in_half_precision_are_computed_with_in_full(tiny: TinySuite) -> None:
    plain = load_network(tiny.folder / "first.yaml")
    half = network_from_module(plain.module.half(), name="mine", classes=plain.classes)
    assert {tensor.dtype for tensor in half.module.parameters()} == {torch.float32}
    assert run(tiny, half, attributions=["gradient"]).manifest["status"] == "complete"


def test_wrappers_of_other_libraries_are_taken_off(tiny: TinySuite) -> None:
    plain = load_network(tiny.folder / "first.yaml")
    expected = attribute(plain, _picture(), [0])
    wrapped = nn.DataParallel(plain.module).train()
    network = network_from_module(
        wrapped, name="mine", classes=plain.classes, target_layer="module.layer4", device="cpu"
    )
    assert network.target_layer == "layer4"
    assert not network.module.training
    assert torch.equal(attribute(network, _picture(), [0]), expected)


def test_a_network_in_training_mode_is_measured_in_eval_mode_and_left_as_it_was(tiny: TinySuite) -> None:
    plain = load_network(tiny.folder / "first.yaml")
    expected = run(tiny, plain).records("first", "grad_cam")
    statistics = plain.module.bn1.running_mean.clone()
    plain.module.train()
    found = evaluate(
        tiny.with_suite(attributions=["grad_cam"], metrics=["top1_accuracy", "content_heatmap"]),
        settings(tiny, out=tiny.folder / "training"),
        networks=[plain],
    )
    assert found.records("first", "grad_cam").equals(expected)
    assert torch.equal(plain.module.bn1.running_mean, statistics)
    attribute(plain, _picture(), [0])
    assert torch.equal(plain.module.bn1.running_mean, statistics)
    assert plain.module.training


def _picture():
    import PIL.Image

    values = torch.randint(256, (60, 80, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return PIL.Image.fromarray(values.numpy())


def test_the_traceback_of_a_mistake_is_printed_under_debug_alone(
    tiny: TinySuite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tiny.folder / "mine.py").write_text("def broken(batch):\n    return batch.nothing\n")
    suite = tiny.with_suite(attributions=["center"], metrics=["mine.py:broken"], checkpoints=None)
    words = ["raybench", "run", str(suite), "--data", f"shapes={tiny.data}", "--trust-code"]
    for further in ([], ["--debug"]):
        out = tiny.folder / f"out{len(further)}"
        monkeypatch.setattr("sys.argv", [*words, *further, "--out", str(out)])
        with pytest.raises(SystemExit, match="2"):
            main()
        said = capsys.readouterr().err
        assert "metric 'broken' has failed" in said
        assert "AttributeError" in said
        assert ("Traceback" in said) == bool(further)


CONTRASTIVE = {"name": "contrastive_excitation_backprop"}


def test_method_that_lacks_a_layer_of_one_network_is_left_out_there_and_the_rest_goes_on(
    tiny: TinySuite,
) -> None:
    other = {
        **yaml.safe_load((tiny.folder / "first.yaml").read_text()),
        "name": "other",
        "contrast_layer": None,
    }
    (tiny.folder / "other.yaml").write_text(yaml.safe_dump(other))
    suite = tiny.with_suite(
        checkpoints=["first.yaml", "other.yaml"],
        attributions=["contrastive_excitation_backprop", "excitation_backprop", "gradient"],
    )
    results = evaluate(suite, settings(tiny))
    assert manifest_of(results.out)["status"] == "complete"
    undefined = manifest_of(results.out)["not_defined"]
    assert not undefined["first"]
    assert list(undefined["other"]) == ["contrastive_excitation_backprop"]
    assert "needs a contrast layer" in undefined["other"]["contrastive_excitation_backprop"]
    rows = set(zip(results.summary["checkpoint"], results.summary["attribution"], strict=True))
    assert {("other", "gradient"), ("other", "excitation_backprop"), ("first", "gradient")} <= rows
    assert ("other", "contrastive_excitation_backprop") not in rows
    evaluate(suite, settings(tiny))  # and a second run finds nothing that is missing


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ({"name": "grad_cam", "layer": "layr4"}, "unknown layer of .* 'layr4'; did you mean 'layer4'"),
        ({"name": "score_cam", "layer": "layr4"}, "unknown layer of .* 'layr4'; did you mean 'layer4'"),
        ({**CONTRASTIVE, "contrast_layer": "conv1"}, "does not lie between the layer that is read and"),
    ],
)
def test_option_that_fits_no_network_ends_the_run_before_it_begins(
    tiny: TinySuite, method: dict[str, object], said: str
) -> None:
    with pytest.raises(RaybenchError, match=f"attribution '{method['name']}.*: .*{said}"):
        evaluate(tiny.with_suite(attributions=[method, "gradient"]), settings(tiny))
    assert not list((tiny.folder / "out").rglob("records*.csv"))


def test_networks_are_loaded_once(tiny: TinySuite, monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[str] = []

    def counted(card: Card, **given: object) -> Network:
        loads.append(card.name)
        return load_network(card, **given)

    monkeypatch.setattr(networks, "load_network", counted)
    evaluate(tiny.suite, settings(tiny))
    assert sorted(loads) == sorted(set(loads))
    assert len(loads) > 1


def test_network_that_answers_one_picture_in_two_ways_is_refused(tiny: TinySuite) -> None:
    network = changed(tiny, lambda scores: nn.functional.dropout(scores, 0.5, training=True))
    with pytest.raises(
        RaybenchError, match="'mine' gives other scores for the same picture when it is asked"
    ):
        run(tiny, network)
    assert not list((tiny.folder / "out").rglob("records*.csv"))
