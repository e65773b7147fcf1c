"""Metrics that ask the network or the method again: by hand, in closed form, against torchcam and captum."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from captum.metrics import sensitivity_max
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from perf.ways.torchcam_maps import Maps
from raybench.base import seed_for
from raybench.benchmark.measuring.asking import _picture, blur_kernel, fill
from raybench.benchmark.metrics import Curve, ExplainedQuery, NetworkQuery, Picture
from raybench.benchmark.metrics.faithfulness.deletion import deletion, insertion
from raybench.benchmark.metrics.robustness import max_sensitivity
from raybench.checkpoints import ClassList, Network, build_module, network_from_module


class Linear(nn.Module):
    """One class whose logit is a weighted sum of all pixels, beside one whose logit is 0."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = nn.Parameter(weights)

    def forward(self, images: Tensor) -> Tensor:
        total = (images * self.weights).sum(dim=(1, 2, 3))
        return torch.stack([total, torch.zeros_like(total)], dim=1)


def linear(weights: Tensor) -> Network:
    return network_from_module(
        Linear(weights),
        name="linear",
        classes=ClassList("two", ("a", "b"), ("a", "b")),
        mean=(0, 0, 0),
        std=(1, 1, 1),
    )


def query_of(network: Network, image: Tensor, saliency: Tensor, seed: int = 0) -> NetworkQuery:
    return NetworkQuery(_picture(network, image, seed), saliency, saliency, 0, seed)


def by_hand() -> NetworkQuery:
    """The linear network y = sum of w x of one colour, and its picture and map."""
    weights, image = torch.zeros(3, 2, 2), torch.zeros(3, 2, 2)
    weights[0], image[0] = torch.tensor([[0.1, 0.4], [-0.2, 0.3]]), torch.tensor([[1.0, 2], [3, 4]])
    return query_of(linear(weights), image, torch.tensor([[1.0, 4], [0, 3]]))


def test_curves_of_a_linear_network_by_hand() -> None:
    ask = functools.partial(deletion, by_hand(), steps=4, logits=True)
    assert ask().points == pytest.approx((1.5, 0.7, -0.5, -0.6, 0), abs=1e-6)
    assert ask().area == pytest.approx(0.0875, abs=1e-6)
    assert ask(order="lerf").area == pytest.approx(1.4125, abs=1e-6)
    shown = insertion(by_hand(), steps=4, fill="mean", logits=True)
    assert shown.points == pytest.approx((0, 0.8, 2.0, 2.1, 1.5), abs=1e-6)
    assert shown.area == pytest.approx(1.4125, abs=1e-6)


def test_no_order_hides_a_linear_network_sooner_than_that_of_its_contributions() -> None:
    generator = torch.Generator().manual_seed(2)
    weights, image = (torch.randn(3, 2, 3, generator=generator) for _ in range(2))
    network, contributions = linear(weights), (weights * image).sum(dim=0)
    best = deletion(query_of(network, image, contributions - contributions.min()), steps=6, logits=True).area
    for order in itertools.permutations(range(6)):
        ranks = torch.tensor(order).view(2, 3).float()
        assert deletion(query_of(network, image, ranks), steps=6, logits=True).area >= best - 1e-6


@pytest.fixture(scope="module")
def network() -> Network:
    """A small network with random weights that is far from certain."""
    torch.manual_seed(0)
    module = build_module("raybench.checkpoints.shapes_net:shapes_net", num_classes=12)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    names = tuple(f"c{number}" for number in range(12))
    classes = ClassList("twelve", names, names)
    return network_from_module(module, name="net", classes=classes, target_layer="layer4")


def picture(seed: int, height: int = 24, width: int = 32) -> Tensor:
    return torch.randn(3, height, width, generator=torch.Generator().manual_seed(seed))


def random_map(seed: int, height: int = 24, width: int = 32) -> Tensor:
    return torch.rand(height, width, generator=torch.Generator().manual_seed(100 + seed))


def test_hiding_the_least_salient_first_is_uncovering_the_most_salient_read_backwards(
    network: Network,
) -> None:
    query = query_of(network, picture(0), random_map(0))
    hidden = deletion(query, steps=24, order="lerf", fill="black")
    shown = insertion(query, steps=24, fill="black")
    assert hidden.points == pytest.approx(shown.points[::-1], abs=1e-7)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["mean", "blur"])
def test_curves_agree_with_torchcam(network: Network, seed: int, name: str) -> None:
    image, saliency = picture(seed), random_map(seed)
    baseline = fill(network, image, name, 0).expand_as(image)[None]
    torchcam = pytest.importorskip("torchcam.metrics", reason="torchcam needs Python 3.11")
    theirs = torchcam.DeletionInsertionMetric(
        Maps(network.module, saliency), functools.partial(torch.softmax, dim=-1), steps=24, baseline=baseline
    )
    theirs.update(image[None], 0)
    query = query_of(network, image, saliency)
    ours = {f: f(query, steps=24, fill=name, ties="index").area for f in (deletion, insertion)}
    assert ours[deletion] == pytest.approx(theirs.deletion, abs=1e-6)
    assert ours[insertion] == pytest.approx(theirs.insertion, abs=1e-6)


def test_pixels_change_in_chunks_of_any_size_alike(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = deletion(query_of(network, picture(1), random_map(1)))
    monkeypatch.setattr("raybench.benchmark.measuring.asking._PIXELS_AT_ONCE", 3 * 24 * 32)
    assert deletion(query_of(network, picture(1), random_map(1))).points == pytest.approx(
        expected.points, abs=1e-6
    )


def test_order_of_equal_pixels_is_drawn_once_for_each_query(network: Network) -> None:
    uniform = torch.full((24, 32), 1 / 768)

    def areas(ties: str, seed: int) -> float:
        return deletion(query_of(network, picture(2), uniform, seed), ties=ties).area  # type: ignore[arg-type]

    assert areas("random", 5) == areas("random", 5)
    assert areas("random", 5) != areas("random", 6)
    assert areas("index", 5) == areas("index", 6)


def test_a_monotone_change_of_the_map_changes_nothing(network: Network) -> None:
    first, second = (query_of(network, picture(3), one) for one in (random_map(3), random_map(3) ** 3))
    assert deletion(first).points == deletion(second).points


def test_blur_is_an_impulse_through_a_reflected_gaussian() -> None:
    impulse = np.zeros((11, 11))
    impulse[5, 5] = 1
    expected = gaussian_filter(impulse, 5)
    assert blur_kernel().numpy() == pytest.approx(expected, abs=1e-7)
    assert expected.max() / expected.min() < 1.6  # spread almost flat, unlike a cut Gaussian


def test_area_is_the_trapezoid_rule() -> None:
    points = (0.3, 0.9, 0.1, 0.4)
    assert Curve(points).area == pytest.approx(float(np.trapezoid(points, dx=1 / 3)))


def explained(image: Tensor, explain: Callable[[Tensor], Tensor], seed: int = 7) -> ExplainedQuery:
    bounds = (torch.zeros(3, 1, 1), torch.ones(3, 1, 1))
    original = explain(image[None])[0]
    picture = Picture(image, seed, bounds, False, no_network, no_network)
    seen = NetworkQuery(picture, original, original, 0, seed)
    return ExplainedQuery(
        seen, original, original, 1, True, lambda images, *_, **__: explain(images), no_network
    )


def no_network(*_: object) -> Tensor:
    raise AssertionError


def noise_of(image: Tensor, seed: int, draws: int, radius: float) -> Iterator[Tensor]:
    for number in range(draws):
        generator = torch.Generator().manual_seed(seed_for(seed, "nearby", number))
        yield radius * (2 * torch.rand(image.shape, generator=generator) - 1)


def test_sensitivity_agrees_with_captum_on_the_same_noise() -> None:
    image, weights = picture(4).double(), torch.randn(3, 24, 32, dtype=torch.float64)

    def explain(images: Tensor) -> Tensor:
        return (images**2 * weights).sum(dim=1)

    drawn = noise_of(image, 7, 6, 0.02)

    def explain_pair(images: Tensor | tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
        # captum reads a tensor that comes back for a tuple row by row
        return (explain(images[0]),) if isinstance(images, tuple) else explain(images)

    def shifted(images: Tensor | tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
        return (images[0] + next(drawn),) if isinstance(images, tuple) else images + next(drawn)

    theirs = sensitivity_max(
        explain_pair, image[None], perturb_func=shifted, n_perturb_samples=6, max_examples_per_batch=1
    )
    assert max_sensitivity(explained(image, explain), draws=6) == pytest.approx(theirs.item(), rel=1e-6)


def test_gradient_of_a_linear_network_does_not_move_and_a_zero_map_has_no_sensitivity() -> None:
    weights = torch.randn(24, 32)
    image = picture(5)
    assert max_sensitivity(explained(image, lambda images: weights.expand(len(images), -1, -1))) == 0
    assert np.isnan(max_sensitivity(explained(image, lambda images: torch.zeros(len(images), 4, 4))))


def test_noise_is_that_of_the_picture_alone() -> None:
    image, seen = picture(6), []
    for scale in (1, 3):
        max_sensitivity(
            explained(image, lambda images, k=scale: seen.append(images) or k * images.sum(dim=1)), draws=3
        )
    assert torch.equal(seen[1], seen[3])
    assert (seen[1] - image).abs().amax() <= 0.02
