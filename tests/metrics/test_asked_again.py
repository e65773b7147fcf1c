"""What the house hands to metrics that ask again: the network's own answers, and the method's own maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

import numpy as np
import pytest
import torch
from captum.metrics import sensitivity_max
from numpy.typing import NDArray
from scipy.ndimage import correlate
from torch import Tensor, nn

from raybench.attributions import BoundAttribution, bind
from raybench.base import Size
from raybench.benchmark.loading import Batch, Prepared
from raybench.benchmark.measuring.asking import Asked, _picture, ask_again
from raybench.benchmark.metrics import METRICS, ExplainedQuery, MetricPasses, NetworkQuery, bind_metric
from raybench.benchmark.metrics.robustness import max_sensitivity
from raybench.benchmark.results import read_numbers
from raybench.benchmark.suite import PROTOCOLS
from raybench.checkpoints import ClassList, Network, network_from_module

CLASSES = ClassList("three", ("a", "b", "c"), ("a", "b", "c"))
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


class Small(nn.Module):
    """A network of two layers, or of one that is linear, that counts the pictures that it and copies see."""

    seen: ClassVar[list[int]] = []

    def __init__(self, *, linear: bool = False) -> None:
        super().__init__()
        self.head = (
            nn.LazyLinear(3) if linear else nn.Sequential(nn.LazyLinear(8), nn.GELU(), nn.Linear(8, 3))
        )

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(len(images))
        return self.head(images.flatten(1))  # type: ignore[no-any-return]


def network_of(*, linear: bool = False, size: tuple[int, int] = (9, 7)) -> Network:
    torch.manual_seed(3)
    module = Small(linear=linear)
    module(torch.zeros(1, 3, *size))
    with torch.no_grad():
        for weights in module.parameters():
            weights.mul_(3)  # far from certain, far from even
    return network_from_module(module, name="small", classes=CLASSES, mean=MEAN, std=STD)


def pictures(count: int, size: tuple[int, int] = (9, 7)) -> Tensor:
    generator = torch.Generator().manual_seed(11)
    pixels = torch.rand(count, 3, *size, generator=generator)
    return (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def batch_of(classes: list[list[int]]) -> Batch:
    """Images by the classes that are asked about, with seeds that follow from their numbers."""
    return Batch(
        tuple(
            Prepared(
                str(number),
                "",
                class_index=np.array(asked),
                seeds=tuple(100 * number + one for one in asked),
                image_seed=number,
                input_size=Size(9, 7),
            )
            for number, asked in enumerate(classes)
        )
    )


def ask(network: Network, images: Tensor, raw: Tensor, batch: Batch, method: str, *metrics: object) -> Asked:
    wanted = [bind_metric(*one) if isinstance(one, tuple) else bind_metric(str(one)) for one in metrics]
    (found,) = ask_again(wanted, [(bind(method), raw)], network, images, batch, PROTOCOLS.get("iccv19"), 0)
    return found


def maps_of(method: BoundAttribution, network: Network, images: Tensor, batch: Batch) -> Tensor:
    seeds = [image.image_seed for image in batch.images]
    return method(network, images, batch.image_index, batch.class_index, seeds=seeds)


def fills_of(network: Network, image: Tensor) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Every fill without chance, by NumPy."""
    shape = (3, 9, 7)
    yield "mean", np.zeros(shape)
    for name, pixel in (("black", 0), ("white", 1)):
        yield (
            name,
            np.broadcast_to((pixel - np.array(MEAN))[:, None, None] / np.array(STD)[:, None, None], shape),
        )
    # a Gaussian of 5 pixels over an impulse whose mirror images stand beyond the borders of 11 pixels
    impulse = np.pad(np.eye(1, 11, 5)[0], 20, mode="symmetric")
    line = np.exp(-0.5 * (np.arange(-20, 21) / 5) ** 2)
    line = np.convolve(impulse, line / line.sum(), mode="valid")
    yield (
        "blur",
        np.stack([correlate(one, np.outer(line, line), mode="constant") for one in image.double().numpy()]),
    )


@pytest.mark.parametrize("steps", [1, 5, 28])
def test_curves_are_those_of_one_picture_after_the_other(steps: int) -> None:
    network, images, batch = network_of(), pictures(2), batch_of([[2, 0], [1]])
    order = np.random.default_rng(5).permuted(np.tile(np.arange(63), (3, 1)), axis=1)
    raw = torch.from_numpy(order.reshape(3, 9, 7)).float() + 1
    for row, (index, wanted) in enumerate([(0, 2), (0, 0), (1, 1)]):
        for name, fill in fills_of(network, images[index]):
            hidden = images[index].double().numpy()
            shown, expected = np.array(fill), {"deletion": [], "insertion": []}
            for step in range(steps + 1):
                for place in np.argsort(-order[row])[: step * 63 // steps]:
                    y, x = divmod(int(place), 7)
                    hidden = hidden.copy()
                    hidden[:, y, x], shown[:, y, x] = fill[:, y, x], images[index, :, y, x].numpy()
                for metric, picture in (("deletion", hidden), ("insertion", shown)):
                    logits = network.module(torch.from_numpy(picture).float()[None])
                    expected[metric].append(logits.softmax(dim=1)[0, wanted].item())
            options = {"steps": steps, "fill": name}
            asked = ask(
                network, images, raw, batch, "gradient", ("deletion", options), ("insertion", options)
            )
            for text, points in zip(asked.curves[row], expected.values(), strict=True):
                assert read_numbers(text) == pytest.approx(points, abs=2e-6)


def test_maps_that_say_nothing_have_the_values_of_a_uniform_one() -> None:
    network, images, batch = network_of(), pictures(1), batch_of([[2]])
    values = []
    for raw in (torch.ones(1, 9, 7), torch.zeros(1, 9, 7), torch.full((1, 9, 7), float("nan"))):
        asked = ask(network, images, raw, batch, "gradient", "deletion", "insertion", "max_sensitivity")
        values.append(asked.values[0, :2].tolist())
        if raw.sum() != 63:
            assert asked.values[0, 2].isnan()  # no length that a distance could be a share of
    assert values[0] == values[1] == values[2]


def test_sensitivity_is_that_of_captum_for_the_method_of_the_run() -> None:
    network, images, batch = network_of(), pictures(2), batch_of([[2, 0], [1]])
    raw = maps_of(bind("gradient"), network, images, batch)
    found = ask(network, images, raw, batch, "gradient", ("max_sensitivity", {"draws": 4, "radius": 0.1}))
    expected = []
    for row, (index, wanted) in enumerate([(0, 2), (0, 0), (1, 1)]):
        copies = noisy(network, images[index], raw[row], batch.images[index].image_seed, wanted)
        expected.append(by_captum(network, images[index], wanted, copies))
    assert found.values[:, 0].tolist() == pytest.approx(expected, rel=1e-5)
    assert min(expected) > 0.01


def by_captum(network: Network, image: Tensor, wanted: int, copies: Tensor) -> float:
    def explain(inputs: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        given = inputs[0] if isinstance(inputs, tuple) else inputs
        index, classes = torch.arange(len(given)), torch.full((len(given),), wanted)
        return (bind("gradient")(network, given, index, classes, seeds=[0] * len(given)),)

    def perturb(_inputs: tuple[Tensor, ...], _radius: float = 0.0) -> tuple[Tensor, ...]:
        return (copies,)

    found = sensitivity_max(explain, (image[None],), perturb_func=perturb, n_perturb_samples=len(copies))
    return float(found.item())


def noisy(network: Network, image: Tensor, raw: Tensor, seed: int, wanted: int) -> Tensor:
    """The noisy copies (4, 3, h, w) that the metric asks the method about."""
    seen: list[Tensor] = []

    def explain(images: Tensor) -> Tensor:
        seen.append(images)
        return raw.expand(len(images), -1, -1)

    seen_by = NetworkQuery(_picture(network, image, seed), raw, raw, wanted, seed)
    query = ExplainedQuery(seen_by, raw, raw, 3, True, lambda images, *_, **__: explain(images), lambda _: ())
    max_sensitivity(query, draws=4, radius=0.1)
    pixels = (seen[0] - image) * torch.tensor(STD).view(3, 1, 1)
    assert 0.09 < pixels.abs().max() <= 0.1 + 1e-6  # a share of the range from black to white
    return seen[0]


def test_gradient_of_a_linear_network_is_the_same_for_every_noisy_copy() -> None:
    network, images, batch = network_of(linear=True), pictures(1), batch_of([[1]])
    raw = maps_of(bind("gradient"), network, images, batch)
    assert ask(network, images, raw, batch, "gradient", "max_sensitivity").values.item() == 0


@pytest.mark.parametrize("name", [metric.name for metric in METRICS if metric.asks_network])
def test_a_metric_asks_as_often_as_it_says_and_leaves_the_network_alone(name: str) -> None:
    network, images, batch = network_of(), pictures(2), batch_of([[2, 0], [1]])
    raw = maps_of(bind("gradient"), network, images, batch)
    before = {key: value.clone() for key, value in network.module.state_dict().items()}
    network.module.seen.clear()
    few = {"sensitivity_n": {"sizes": 2}, "smooth_parameter_randomisation": {"samples": 2}}
    options = few.get(name, {})  # also so that no two sizes are one pixel
    # a method that names the baseline against which its maps add up
    method = "integrated_gradients" if name == "completeness_gap" else "gradient"
    ask(network, images, raw, batch, method, (name, options))
    passes, stages = bind_metric(name, options).passes, 2
    each = passes.forwards + passes.all_runs(stages)
    looks = int("parameter" in name)  # once, to find the order of the stages of its copy
    assert sum(network.module.seen) == 3 * each + 2 * passes.forwards_per_image + looks
    assert passes != MetricPasses()
    after = network.module.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    assert not network.module.training
    assert all(one.grad is None for one in network.module.parameters())


FEW: dict[str, dict[str, object]] = {
    "sensitivity_n": {"sizes": 2, "draws": 9},
    "smooth_parameter_randomisation": {"samples": 2},
    "pixel_flipping": {"side": 2, "steps": 5},
    "road": {"noise": 0.0},
    "infidelity": {"draws": 9, "least": 2, "most": 4},
    "faithfulness_correlation": {"draws": 9, "size": 5},
}
ASKING = [bind_metric(one.name, FEW.get(one.name)) for one in METRICS if one.asks_network]
OF_PLACES = (
    *("faithfulness_correlation", "sensitivity_n", "infidelity", "smooth_parameter_randomisation"),
    *("max_sensitivity", "average_sensitivity", "local_lipschitz", "random_logit"),
)
"""Their parts, noise and other classes are drawn, and are not flipped with the picture."""
OF_ORDER = ("deletion", "insertion", "symmetric_relevance_gain", "road")


def test_values_depend_neither_on_the_order_nor_on_what_else_is_asked() -> None:
    network, images = network_of(), pictures(2)
    batch = batch_of([[2, 0], [1]])
    turned = Batch(tuple(reversed(batch.images)))
    methods = [bind("integrated_gradients", {"steps": 2}), bind("gradient")]
    raw = [method.raw(network, images, batch.image_index, batch.class_index) for method in methods]
    both = list(zip(methods, raw, strict=True))
    protocol = PROTOCOLS.get("iccv19")
    together = ask_again(ASKING, both, network, images, batch, protocol, 0)
    moved = [(method, maps[[2, 0, 1]]) for method, maps in both[::-1]]
    backwards = ask_again(ASKING[::-1], moved, network, images.flip(0), turned, protocol, 0)
    for one, other in zip(together, backwards[::-1], strict=True):
        assert torch.equal(one.values[[2, 0, 1]].flip(1).nan_to_num(9), other.values.nan_to_num(9))
    for place, metric in enumerate(ASKING):
        (alone,) = ask_again([metric], both[:1], network, images, batch, protocol, 0)
        expected = together[0].values[:, place : place + 1]
        assert torch.equal(alone.values.nan_to_num(9), expected.nan_to_num(9)), metric.metric.name
    assert together[0].values.isfinite().all()


class Even(nn.Module):
    """A network to which a flipped picture is the same: it looks at pixels one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Conv2d(3, 8, 1), nn.Linear(8, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.first(images).tanh().mean(dim=(2, 3)) * 4)  # type: ignore[no-any-return]


@pytest.mark.parametrize("axis", [1, 2])
def test_a_flip_of_picture_and_map_changes_nothing(axis: int) -> None:
    torch.manual_seed(5)
    network = network_from_module(Even(), name="even", classes=CLASSES, mean=MEAN, std=STD)
    images, batch, size = pictures(1, (8, 8)), batch_of([[2]]), 64
    options = {"steps": 2, "baseline": "mean", "sign": "absolute"}
    method, index = bind("integrated_gradients", options), torch.zeros(1, dtype=torch.int64)
    raw = method.raw(network, images, index, index + 2)
    assert len(raw.unique()) == size  # no ties, which are drawn
    metrics = [one for one in ASKING if one.metric.name not in OF_PLACES]
    protocol = PROTOCOLS.get("aaai21")
    (one,) = ask_again(metrics, [(method, raw)], network, images, batch, protocol, 0)
    flipped = [(method, raw.flip(axis))]
    (other,) = ask_again(metrics, flipped, network, images.flip(axis + 1), batch, protocol, 0)
    assert one.values.isfinite().all()
    assert other.values[0].tolist() == pytest.approx(one.values[0].tolist(), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("name", OF_ORDER)
@pytest.mark.parametrize("change", [lambda maps: maps**3, lambda maps: 7 * maps], ids=["cube", "7 times"])
def test_metrics_of_the_order_of_pixels_see_nothing_else(
    name: str, change: Callable[[Tensor], Tensor]
) -> None:
    network, images, batch = network_of(), pictures(1), batch_of([[2]])
    levels = (pictures(1)[:, 0].abs() * 8).floor() + 1  # whole numbers with ties
    one, other = (
        ask(network, images, maps, batch, "grad_cam", name).values.item() for maps in (levels, change(levels))
    )
    assert one == other


def test_what_metrics_share_is_asked_once() -> None:
    network, images, batch = network_of(), pictures(1), batch_of([[2]])
    network.module.seen.clear()
    ask(network, images, torch.rand(1, 9, 7), batch, "gradient", "deletion", ("insertion", {"fill": "mean"}))
    assert sum(network.module.seen) == 2 * 27 + 2


def test_logits_have_no_bounds_and_probabilities_have() -> None:
    network, images, batch = network_of(), pictures(2) * 9, batch_of([[2, 0], [1]])
    raw = maps_of(bind("gradient"), network, images, batch)
    logits = ask(network, images, raw, batch, "gradient", ("deletion", {"logits": True})).values
    assert not logits.ge(0).logical_and(logits.le(1)).all()
    facts = bind_metric("insertion", {"logits": True}).metric
    assert facts.bounds == (-float("inf"), float("inf"))
    assert facts.read(facts.described()).bounds == facts.bounds
    assert bind_metric("insertion").metric.bounds == (0, 1)
