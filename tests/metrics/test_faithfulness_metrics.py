"""Metrics of faithfulness: by hand, in closed form, against torchcam, pytorch-grad-cam and captum."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from captum.metrics import infidelity as captum_infidelity
from numpy.typing import NDArray
from pytorch_grad_cam.metrics.road import NoisyLinearImputer, neighbors_weights
from scipy import sparse
from torch import Tensor, nn

from perf.ways.torchcam_maps import Maps
from raybench.base import RaybenchError
from raybench.benchmark.measuring.asking import _picture
from raybench.benchmark.metrics import NetworkQuery, bind_metric
from raybench.benchmark.metrics.faithfulness.deletion import deletion, insertion, symmetric_relevance_gain
from raybench.benchmark.metrics.faithfulness.drop import average_drop, average_gain, increase_in_confidence
from raybench.benchmark.metrics.faithfulness.flipping import pixel_flipping
from raybench.benchmark.metrics.faithfulness.imputation import imputed
from raybench.benchmark.metrics.faithfulness.road import road
from raybench.benchmark.metrics.faithfulness.subsets import (
    faithfulness_correlation,
    infidelity,
    sensitivity_n,
)
from raybench.checkpoints import ClassList, Network, network_from_module


class Linear(nn.Module):
    """Two classes; the first has the weighted sum of all pixels as its logit or as its probability."""

    def __init__(self, weights: Tensor, *, of_probability: bool = False) -> None:
        super().__init__()
        self.weights, self.of_probability = nn.Parameter(weights), of_probability

    def forward(self, images: Tensor) -> Tensor:
        total = (images * self.weights).sum(dim=(1, 2, 3))
        if self.of_probability:
            return torch.stack([total, 1 - total], dim=1).log()
        return torch.stack([total, torch.zeros_like(total)], dim=1)


class Small(nn.Module):
    """A network that is not linear, and far from certain."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.head(8 * self.conv(images).relu().mean(dim=(2, 3)))
        return found


def network_of(module: nn.Module) -> Network:
    names = ("a", "b", "c")[: 3 if isinstance(module, Small) else 2]
    classes = ClassList("few", names, names)
    return network_from_module(module, name="net", classes=classes, mean=(0, 0, 0), std=(1, 1, 1))


def query_of(network: Network, image: Tensor, saliency: Tensor, seed: int = 0) -> NetworkQuery:
    return NetworkQuery(_picture(network, image, 5), saliency, saliency, 0, seed)


def one_colour(values: list[list[float]]) -> Tensor:
    return F.pad(torch.tensor(values)[None], (0, 0, 0, 0, 0, 2))


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_drops_of_a_linear_network_by_hand() -> None:
    # y = 0.15; with the map scaled to [1/4 1; 0 3/4] it is 0.1725
    weights = one_colour([[0.01, 0.04], [-0.02, 0.03]])
    network = network_of(Linear(weights, of_probability=True))
    query = query_of(network, one_colour([[1.0, 2], [3, 4]]), torch.tensor([[1.0, 4], [0, 3]]))
    assert average_drop(query) == 0
    assert increase_in_confidence(query) == 100
    assert average_gain(query) == pytest.approx(100 * 0.0225 / 0.85, rel=1e-5)
    # only the corner whose weight is negative: 0 is left
    query = query_of(network, one_colour([[1.0, 2], [3, 4]]), torch.tensor([[1.0, 0], [0, 0]]))
    assert average_drop(query) == pytest.approx(100 * (0.15 - 0.01) / 0.15, rel=1e-5)
    assert (increase_in_confidence(query), average_gain(query)) == (0, 0)


def test_gain_counts_what_a_probability_close_to_one_lacks() -> None:
    image = one_colour([[40.0, 0]])
    query = query_of(network_of(Linear(torch.ones(3, 1, 2))), image, torch.tensor([[1.0, 0.5]]))
    assert query.score_of_image() == 1  # in float32
    assert query.room_above_image() == pytest.approx(float(np.exp(-40)), rel=1e-6)
    image = one_colour([[40.0, -2]])  # a logit of 38, and of 40 when only the first pixel is left
    query = query_of(network_of(Linear(torch.ones(3, 1, 2))), image, torch.tensor([[1.0, 0.5]]))
    assert average_gain(query) == pytest.approx(100 * (1 - np.exp(-2)), rel=1e-6)
    assert increase_in_confidence(query) == 100


def test_a_uniform_map_shows_nothing() -> None:
    query = query_of(network_of(Small()), drawn(0, 3, 8, 8), torch.full((8, 8), 1 / 64))
    left = query.score_of_fill("mean")
    assert average_drop(query) == pytest.approx(100 * max(0, 1 - left / query.score_of_image()), rel=1e-6)


def test_drop_and_increase_agree_with_torchcam() -> None:
    torchcam = pytest.importorskip("torchcam.metrics", reason="torchcam needs Python 3.11")
    network, drops, increases = network_of(Small()), [], []

    maps = Maps(network.module)
    theirs = torchcam.ClassificationMetric(maps, functools.partial(torch.softmax, dim=-1))
    for seed in range(6):
        image, saliency = drawn(seed, 3, 8, 8), drawn(seed, 8, 8).abs()
        query = query_of(network, image, saliency)
        query.class_index = seed % 3
        maps.saliency = query.scaled
        theirs.update(image[None], seed % 3)
        drops.append(average_drop(query) / 100)
        increases.append(increase_in_confidence(query) / 100)
    expected = theirs.summary()
    assert np.mean(drops) == pytest.approx(expected["avg_drop"], abs=1e-6)
    assert np.mean(increases) == pytest.approx(expected["conf_increase"], abs=1e-6)
    assert 0 < np.mean(increases) < 1


def test_symmetric_gain_is_insertion_from_the_fill_less_deletion_to_it() -> None:
    weights, image = one_colour([[0.1, 0.4], [-0.2, 0.3]]), one_colour([[1.0, 2], [3, 4]])
    by_hand = query_of(network_of(Linear(weights)), image, torch.tensor([[1.0, 4], [0, 3]]))
    gain = symmetric_relevance_gain(by_hand, steps=4, logits=True)
    assert gain.area == pytest.approx(1.325, abs=1e-6)
    query = query_of(network_of(Small()), drawn(1, 3, 8, 8), drawn(2, 8, 8).abs())
    expected = insertion(query, steps=8, fill="white").area - deletion(query, steps=8, fill="white").area
    assert symmetric_relevance_gain(query, steps=8, fill="white").area == pytest.approx(expected, abs=1e-6)


def test_flipping_is_that_of_one_square_after_the_other() -> None:
    network, image, saliency = network_of(Small()), drawn(3, 3, 11, 10), drawn(4, 11, 10).abs()
    squares = [(top, left) for top in range(0, 11, 4) for left in range(0, 10, 4)]
    means = {at: saliency[at[0] : at[0] + 4, at[1] : at[1] + 4].mean().item() for at in squares}
    for order in ("morf", "lerf"):
        hidden, expected = image.clone(), [0.0]
        before = network.module(image[None]).softmax(dim=1)[0, 0].item()
        for top, left in sorted(squares, key=means.__getitem__, reverse=order == "morf")[:7]:
            hidden[:, top : top + 4, left : left + 4] = 0
            expected.append(before - network.module(hidden[None]).softmax(dim=1)[0, 0].item())
        query = query_of(network, image, saliency)
        found = pixel_flipping(query, side=4, steps=7, order=order)  # type: ignore[arg-type]
        assert found.points == pytest.approx(expected, abs=1e-6)
    both = pixel_flipping(query, side=4, steps=7, order="difference").points
    assert both[1] == pytest.approx(pixel_flipping(query, side=4, steps=7).points[1] - expected[1], abs=1e-6)
    assert not bind_metric("pixel_flipping", {"order": "lerf"}).metric.higher_is_better


def test_flipping_by_noise_is_a_mean_over_fields_of_noise() -> None:
    query = query_of(network_of(Small()), drawn(5, 3, 8, 8), drawn(6, 8, 8).abs())
    many, few = (pixel_flipping(query, side=4, steps=4, fill="noise", draws=draws) for draws in (3, 1))
    assert many.points != few.points
    again = query_of(network_of(Small()), drawn(5, 3, 8, 8), drawn(6, 8, 8).abs())
    assert pixel_flipping(again, side=4, steps=4, fill="noise", draws=3) == many


def hole(*shape: int) -> NDArray[np.bool_]:
    return np.zeros(shape, dtype=bool)


def test_holes_are_filled_as_by_hand() -> None:
    image = np.array([[[1.0, 2, 3], [4, 99, 6], [7, 8, 9]]])
    middle, corner = hole(3, 3), hole(3, 3)
    middle[1, 1] = corner[0, 0] = True
    assert imputed(image, middle)[0, 1, 1] == pytest.approx(5)
    image[0, 1, 1] = 5
    assert imputed(image, corner)[0, 0, 0] == pytest.approx(3.4)


def test_a_ramp_with_a_hole_is_restored() -> None:
    rows, columns = np.mgrid[:12, :15]
    ramp = np.stack([2.0 * rows - columns, 0.5 * columns, rows + 0.0])
    unknown = hole(12, 15)
    unknown[3:9, 4:11] = True
    assert imputed(np.where(unknown, 77, ramp), unknown) == pytest.approx(ramp, abs=1e-10)


def test_a_single_known_pixel_gives_a_constant_and_none_is_refused() -> None:
    unknown = ~hole(5, 4)
    with pytest.raises(RaybenchError, match="leave some of the picture"):
        imputed(np.ones((3, 5, 4)), unknown)
    unknown[2, 1] = False
    image = np.arange(60.0).reshape(3, 5, 4)
    assert imputed(image, unknown) == pytest.approx(np.broadcast_to(image[:, 2:3, 1:2], (3, 5, 4)), abs=1e-9)


@pytest.mark.parametrize("share", [0.2, 0.8])
def test_imputation_agrees_with_pytorch_grad_cam(share: float) -> None:
    image = drawn(7, 3, 16, 13)
    known = torch.rand(16, 13, generator=torch.Generator().manual_seed(8)) >= share
    # their system and solver; their own call hands tensors to NumPy in a way that it has given up
    system = NoisyLinearImputer.setup_sparse_system(known.float().numpy(), image.numpy(), neighbors_weights)
    theirs = sparse.linalg.spsolve(sparse.csc_matrix(system[0]), system[1])
    assert imputed(image.numpy(), ~known.numpy())[:, ~known.numpy()] == pytest.approx(theirs.T, abs=1e-6)


def test_road_reads_the_masks_that_it_says() -> None:
    network, image, saliency = network_of(Small()), drawn(9, 3, 10, 9), drawn(10, 10, 9).abs()
    ascending = saliency.flatten().argsort()
    expected = []
    for number in (1, 2):
        left = []
        for order in (ascending.flip(0), ascending):
            unknown = torch.zeros(90, dtype=torch.bool)
            unknown[order[: number * 90 // 3]] = True
            filled = torch.from_numpy(imputed(image.numpy(), unknown.view(10, 9).numpy())).float()
            left.append(network.module(filled[None]).softmax(dim=1)[0, 0].item())
        expected.append((left[1] - left[0]) / 2)
    query = query_of(network, image, saliency)
    assert road(query, steps=2, noise=0).points == pytest.approx(expected, abs=1e-6)
    noisy = road(query, steps=2).points
    assert noisy != road(query, steps=2, noise=0).points
    assert noisy == pytest.approx(expected, abs=0.02)
    assert road(query_of(network, image, saliency), steps=2).points == noisy


@pytest.mark.parametrize("share", [1, 0.4])
def test_the_exact_attribution_of_a_linear_network_adds_up(share: float) -> None:
    weights, image = drawn(11, 3, 9, 8), drawn(12, 3, 9, 8)
    exact = (weights * image).sum(dim=0)
    query = query_of(network_of(Linear(weights)), image, share * exact)
    assert faithfulness_correlation(query, draws=20, size=8) == pytest.approx(1, abs=1e-6)
    assert sensitivity_n(query, draws=20, sizes=4).points == pytest.approx([1] * 4, abs=1e-6)
    against = query_of(network_of(Linear(weights)), image, -exact)
    assert faithfulness_correlation(against, draws=20, size=8) == pytest.approx(-1, abs=1e-6)
    flat = query_of(network_of(Linear(weights)), image, torch.ones(9, 8))
    assert faithfulness_correlation(flat, draws=20) == 0


def test_the_gradient_of_a_linear_network_foretells_every_loss() -> None:
    weights = drawn(13, 1, 9, 8).expand(3, -1, -1)  # one for all colours, as a map is
    query = query_of(network_of(Linear(weights)), drawn(14, 3, 9, 8), 1000 * weights[0])
    assert infidelity(query, draws=20, least=2, most=5) == pytest.approx(0, abs=1e-9)


def test_infidelity_agrees_with_captum_on_the_same_squares() -> None:
    network, image, signed = network_of(Small()), drawn(15, 3, 9, 8), drawn(16, 9, 8)
    query = query_of(network, image, signed)
    shown: list[Tensor] = []
    ask = query.picture.ask
    query.picture.ask = lambda count, make: (shown.append(make(range(count))), ask(count, make))[1]
    found = infidelity(query, draws=12, least=2, most=6)
    squares = next(one for one in shown if len(one) == 12)

    def perturb(_inputs: Tensor) -> tuple[Tensor, Tensor]:
        return image - squares, squares

    losses = network.module(image[None])[:, 0] - network.module(squares)[:, 0]
    theirs = captum_infidelity(
        network.module,
        perturb,
        image[None],
        signed.expand(1, 3, -1, -1),
        target=0,
        n_perturb_samples=12,
        max_examples_per_batch=12,
        normalize=True,
    )
    assert found == pytest.approx((theirs / losses.square().mean()).item(), rel=1e-5)
    assert 0 < found < 1


def test_methods_and_classes_of_a_picture_share_the_passes_of_random_parts() -> None:
    query = query_of(network_of(Small()), drawn(17, 3, 9, 8), drawn(18, 9, 8))
    first = faithfulness_correlation(query), infidelity(query)
    query.picture.ask = lambda *_: pytest.fail("asked again")
    other = NetworkQuery(query.picture, query.saliency, query.signed, 1, 7)
    second = faithfulness_correlation(other), infidelity(other)
    assert not np.allclose(first, second)
