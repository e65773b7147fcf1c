"""Metrics that run the method again: against Quantus, scikit-image and SciPy, and in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchvision
from scipy import stats
from skimage.metrics import structural_similarity
from torch import Tensor, nn

from raybench.attributions import bind
from raybench.benchmark.measuring import asking, randomising
from raybench.benchmark.metrics import ExplainedQuery, Forgotten, NetworkQuery
from raybench.benchmark.metrics.faithfulness.coherency import adcc, coherency
from raybench.benchmark.metrics.faithfulness.completeness import completeness_gap
from raybench.benchmark.metrics.faithfulness.drop import average_drop
from raybench.benchmark.metrics.robustness import average_sensitivity, local_lipschitz, max_sensitivity
from raybench.benchmark.metrics.sanity.randomisation import (
    efficient_parameter_randomisation,
    parameter_randomisation,
    random_logit,
    smooth_parameter_randomisation,
)
from raybench.benchmark.metrics.sanity.similarity import spearman, structural
from raybench.checkpoints import ClassList, Network, network_from_module, state_sha256

CLASSES = ClassList("four", tuple("abcd"), tuple("abcd"))


class Interrupted(Exception):
    """What a method fails by."""


class Net(nn.Module):
    """Three modules in order of execution, so that Quantus, which goes by their names, agrees."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6)
        self.last = nn.Linear(6 * 8 * 8, 4)

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.last(self.norm(self.first(images)).tanh().flatten(1))
        return found


@pytest.fixture
def network() -> Network:
    torch.manual_seed(1)
    module = Net()
    module.norm.running_mean.normal_()
    module.norm.running_var.uniform_(0.5, 2)
    return network_from_module(module, name="net", classes=CLASSES)


def picture(seed: int = 0) -> Tensor:
    return torch.randn(3, 10, 10, generator=torch.Generator().manual_seed(seed))


def explained(
    network: Network, image: Tensor, method: str = "gradient", class_index: int = 2
) -> ExplainedQuery:
    index = torch.zeros(1, dtype=torch.int64)
    raw = bind(method).raw(network, image[None], index, torch.tensor([class_index]), seeds=[3])[0]
    again = asking._Again(bind(method), network, 3, 0, raw, image)
    seen = NetworkQuery(asking._picture(network, image, 3), raw.abs(), raw, class_index, 9)
    return ExplainedQuery(seen, raw, raw, 4, True, again, again.stages_of)


def test_rank_correlation_is_that_of_scipy_with_ties() -> None:
    one, other = (picture(seed)[0].mul(2).round() for seed in (1, 2))
    expected = stats.spearmanr(one.flatten(), other.flatten()).statistic
    assert spearman(one, other) == pytest.approx(expected, abs=1e-12)
    assert spearman(one, torch.ones(10, 10)) == 0
    assert spearman(one, 7 * one**3) == pytest.approx(1)


def test_structural_similarity_is_that_of_scikit_image() -> None:
    one, other = picture(3)[0].double(), picture(4)[1].double()
    both = torch.stack([one, other])
    expected = structural_similarity(
        one.numpy(), other.numpy(), data_range=float(both.max() - both.min()), win_size=7
    )
    assert structural(one, other) == pytest.approx(expected, abs=1e-9)
    assert structural(one[:4, :4], one[:4, :4]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("order", "theirs"),
    [("cascading", "top_down"), ("bottom_up", "bottom_up"), ("independent", "independent")],
)
def test_randomisation_agrees_with_quantus_on_the_same_weights(
    network: Network, order: str, theirs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    quantus = pytest.importorskip("quantus", exc_type=ImportError)
    # Quantus draws every layer by the same seed
    monkeypatch.setattr(randomising, "seed_for", lambda *_: 43)
    image = picture(5)
    query = explained(network, image)
    found = parameter_randomisation(query, order=order, every="module").points  # type: ignore[arg-type]

    def explain(model: nn.Module, inputs: np.ndarray, targets: np.ndarray, **_: object) -> np.ndarray:
        given = torch.as_tensor(inputs).requires_grad_()
        with torch.enable_grad():
            model(given)[:, int(targets[0])].sum().backward()
        return given.grad.abs().amax(dim=1, keepdim=True).numpy()

    test = quantus.MPRT(layer_order=theirs, seed=42, normalise=False, abs=True, disable_warnings=True)
    module = Net().eval()
    module.load_state_dict(network.module.state_dict())
    inputs, targets = image[None].numpy(), np.array([2])
    given = explain(module, inputs, targets)
    scores = test(module, inputs, targets, a_batch=given, explain_func=explain, channel_first=True)
    expected = [scores[name][0] for name in scores if name != "original"]
    order_of = ["last", "norm", "first"] if order == "cascading" else ["first", "norm", "last"]
    assert list(scores)[1:] == order_of
    assert found == pytest.approx([1.0] * (order != "independent") + expected, abs=1e-6)
    assert min(found) < 0.9


def test_the_network_is_never_touched(network: Network) -> None:
    before = state_sha256(network.module)
    torch.manual_seed(8)
    state = torch.get_rng_state()
    query = explained(network, picture(6))
    parameter_randomisation(query)
    assert torch.equal(torch.get_rng_state(), state)

    def failing(*_: object, **__: object) -> Tensor:
        raise Interrupted

    broken = ExplainedQuery(query.seen, query.original, query.signed, 4, True, failing, query.stages_of)
    with pytest.raises(Interrupted):
        parameter_randomisation(broken)
    assert state_sha256(network.module) == before
    assert torch.equal(explained(network, picture(6)).original, query.original)


def test_stages_have_random_weights_by_their_names_and_none_else(network: Network) -> None:
    copy = randomising.RandomisedCopy(network, 0, picture())
    assert list(copy.stages("module")) == ["first", "norm", "last"]
    trained = network.module.state_dict()
    for every in ("reset", "keep"):
        found = copy.forgetting(Forgotten(frozenset({1}), "module", every)).module.state_dict()
        changed = {name for name in trained if not torch.equal(trained[name], found[name])}
        means = {"norm.running_mean", "norm.running_var"} if every == "reset" else set()
        assert changed == means  # weights of a new normalisation are what they are here: 1 and 0
    found = copy.forgetting(Forgotten(frozenset({0, 2}), "module", "reset")).module.state_dict()
    changed = {name for name in trained if not torch.equal(trained[name], found[name])}
    assert changed == {"first.weight", "first.bias", "last.weight", "last.bias"}
    again = randomising.RandomisedCopy(network, 0, picture(1)).forgetting(
        Forgotten(frozenset({2, 0}), "module", "reset")
    )
    assert torch.equal(again.module.state_dict()["last.weight"], found["last.weight"])


def test_large_networks_have_some_five_to_twenty_stages() -> None:
    for name, first, last, count in (
        ("resnet18", "conv1", "fc", 7),
        ("vgg11", "features.0", "classifier.6", 11),
        ("vit_b_32", "conv_proj", "heads.head", 15),
    ):
        with torch.device("meta"):
            module = torchvision.models.get_model(name, weights=None, num_classes=4)
        parts = randomising._large_parts(module)
        assert (len(parts), parts[0], parts[-1]) == (count, first, last)


def test_without_noise_smooth_randomisation_is_the_plain_one(network: Network) -> None:
    query = explained(network, picture(7))
    plain = parameter_randomisation(query).points
    assert smooth_parameter_randomisation(query, samples=2, noise=0.0).points == pytest.approx(
        plain, abs=1e-6
    )
    assert smooth_parameter_randomisation(query, samples=2, noise=0.5).points != pytest.approx(
        plain, abs=1e-3
    )


def test_rise_of_entropy_is_that_of_the_histograms(network: Network) -> None:
    query = explained(network, picture(8))
    everything = Forgotten(frozenset(range(len(query.stages_of("stage")))), "stage", "reset")
    entropies = [
        stats.entropy(np.histogram(one.abs().numpy(), bins=100)[0])
        for one in (query.signed, query.forgetting(everything))
    ]
    expected = (entropies[1] - entropies[0]) / entropies[0]
    assert efficient_parameter_randomisation(query) == pytest.approx(expected, abs=1e-9)


def test_another_class_is_compared_by_structure(network: Network) -> None:
    query = explained(network, picture(9), "input_x_gradient")
    values = set()
    for other in (0, 1, 3):
        theirs = explained(network, picture(9), "input_x_gradient", other).signed
        both = torch.stack([query.signed, theirs])
        values.add(
            structural_similarity(
                query.signed.numpy(), theirs.numpy(), data_range=float(both.max() - both.min())
            )
        )
    assert min(abs(random_logit(query) - value) for value in values) < 1e-5


def test_a_method_that_never_looks_scores_one_and_never_moves(network: Network) -> None:
    image, raw = picture(10), picture(11)[0].abs()
    again = asking._Again(bind("random"), network, 3, 0, raw, image)
    seen = NetworkQuery(asking._picture(network, image, 3), raw, raw, 2, 9)
    query = ExplainedQuery(seen, raw, raw, 4, False, again, again.stages_of)
    assert set(parameter_randomisation(query).points) == {1.0}
    assert set(smooth_parameter_randomisation(query, samples=2).points) == {1.0}
    assert efficient_parameter_randomisation(query) == 0
    assert random_logit(query) == 1
    assert (max_sensitivity(query), average_sensitivity(query), local_lipschitz(query)) == (0, 0, 0)


def test_sensitivities_are_those_of_the_same_noisy_copies(network: Network) -> None:
    query = explained(network, picture(12))
    shown: list[Tensor] = []
    run = query.run
    query.run = lambda images, *rest, **more: (shown.append(images), run(images, *rest, **more))[1]
    mean, largest = average_sensitivity(query, draws=5), max_sensitivity(query, draws=5)
    steep = local_lipschitz(query, draws=5, relative=False)
    (copies,) = shown  # what the three share is asked once
    length = query.original.norm().item()
    away = [(one - query.original).norm().item() for one in run(copies, 2)]
    apart = [(one - query.image).norm().item() for one in copies]
    assert mean == pytest.approx(np.mean(away) / length, rel=1e-5)
    assert largest == pytest.approx(max(away) / length, rel=1e-5)
    assert steep == pytest.approx(max(a / b for a, b in zip(away, apart, strict=True)), rel=1e-4)
    assert local_lipschitz(query, draws=5) == pytest.approx(steep / length, rel=1e-5)


def test_coherency_and_adcc_by_their_formulas(network: Network) -> None:
    query = explained(network, picture(13))
    mask = query.seen.scaled
    again = query.run((query.image * mask)[None], 2)[0]
    together = np.corrcoef(query.original.flatten().numpy(), again.flatten().numpy())[0, 1]
    assert coherency(query) == pytest.approx(50 * (1 + together), abs=1e-3)
    parts = [coherency(query), 100 - 100 * float(mask.mean()), 100 - average_drop(query.seen)]
    assert adcc(query) == pytest.approx(stats.hmean(parts), rel=1e-5)


def test_completeness_gap_is_zero_for_exact_maps_and_what_is_missing_for_others() -> None:
    torch.manual_seed(4)
    linear = network_from_module(
        nn.Sequential(nn.Flatten(), nn.Linear(300, 4)), name="linear", classes=CLASSES
    )
    query = explained(linear, picture(14), "integrated_gradients")
    assert np.isnan(completeness_gap(query))  # no baseline is named
    query.baseline = "black"
    assert completeness_gap(query) == pytest.approx(0, abs=1e-6)
    query.signed = 0.75 * query.signed
    assert completeness_gap(query) == pytest.approx(0.25, abs=1e-6)


def test_methods_name_their_baseline_where_maps_keep_their_sign() -> None:
    named = {
        str(method): asking._baseline(bind(*method))
        for method in (
            ("integrated_gradients",),
            ("deep_lift", {"baseline": "mean"}),
            ("integrated_gradients", {"colours": "l2"}),
            ("gradient",),
            ("grad_cam",),
        )
    }
    assert list(named.values()) == ["black", "mean", None, None, None]
