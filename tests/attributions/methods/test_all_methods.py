"""Promises that hold for every registered method that asks a network."""

import subprocess
import sys

import pytest
import torch
from calling import METHODS, ON_CNNS, OURS, PRIMITIVES, calling, is_defined

from raybench.attributions import bind
from raybench.attributions.queries import Portion
from raybench.base import RaybenchError
from raybench.benchmark.measuring.maps import status_of
from raybench.benchmark.results.files.rows import STATUSES


def singles(function, network, queries):
    """Maps of single images with single queries."""
    images, image_index, class_index = queries
    zero = torch.tensor([0])
    maps = [
        function(network, images[image : image + 1], zero, class_index[n : n + 1])
        for n, image in enumerate(image_index.tolist())
    ]
    return torch.cat(maps)


@pytest.mark.parametrize(
    "name",
    [
        *("alexnet", "resnet18", "resnet50", "densenet121", "mobilenet_v2", "mobilenet_v3_small"),
        *(
            "convnext_tiny",
            "googlenet",
            "shufflenet_v2_x0_5",
            "mnasnet0_5",
            "regnet_y_400mf",
            "efficientnet_b0",
        ),
        "squeezenet1_1",
    ],
)
@pytest.mark.parametrize("method", PRIMITIVES)
def test_a_batch_gives_what_single_queries_give(method, name, random_network, queries):
    network, function = random_network(name), calling(method)
    if not is_defined(method, network):
        pytest.skip(f"{method} is not defined for {name}")
    if method == "ablation_cam" and name != "squeezenet1_1":
        pytest.skip("a forward pass for each of many channels")
    if name == "squeezenet1_1" and method.startswith("grad_cam"):
        # its random scores are nearly zero: a ReLU follows them
        queries = queries._replace(class_index=torch.tensor([3, 3, 3]))
    maps = function(network, *queries)
    expected = singles(function, network, queries)
    peaks = expected.amax(dim=(1, 2), keepdim=True)
    assert ((maps - expected).abs() <= 1e-5 * peaks).all()
    assert maps.dtype == torch.float32
    assert maps.is_contiguous()
    assert torch.isfinite(maps).all()
    assert (maps >= 0).all()


@pytest.mark.parametrize("method", OURS)
def test_a_method_that_is_not_defined_for_a_network_says_so(method, random_network):
    network = random_network("resnet18")
    if method in ON_CNNS:
        bind(method).check(network)
    else:
        with pytest.raises(RaybenchError, match="no attention between tokens .*; choose a method"):
            bind(method).check(network)


@pytest.mark.parametrize("method", ["grad_cam", "grad_cam_elementwise"])
def test_grad_cams_of_many_images_are_those_of_one_at_a_time(method, random_network):
    network, function = random_network("alexnet"), calling(method)
    for seed in range(6):  # convolutions round differently with another batch size, and AlexNet enlarges it
        generator = torch.Generator().manual_seed(seed)
        images = torch.randn(8, 3, 96, 112, generator=generator)
        queries = images, torch.arange(8).flip(0), torch.randint(1000, (8,), generator=generator)
        maps, expected = function(network, *queries), singles(function, network, queries)
        assert ((maps - expected).abs() <= 1e-5 * expected.amax(dim=(1, 2), keepdim=True)).all()


@pytest.mark.parametrize("method", METHODS)
def test_order_and_repetition_of_queries_do_not_matter(method, small, small_queries):
    function = calling(method)
    maps = function(small, *small_queries)
    images, image_index, class_index = small_queries
    order = torch.tensor([2, 0, 0, 3, 1])
    again = function(small, images, image_index[order], class_index[order])
    torch.testing.assert_close(again, maps[order], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_batch_size_one_to_many_on_the_small_network(method, small, small_queries):
    function = calling(method)
    maps = function(small, *small_queries)
    assert maps.dtype == torch.float32
    assert (maps.amax(dim=(1, 2)) > 0).any()
    assert (maps >= 0).all(), "maps may be negative only by methods registered with signed=True"
    torch.testing.assert_close(maps, singles(function, small, small_queries), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_no_queries_give_no_maps(method, small, small_queries):
    none = torch.zeros(0, dtype=torch.int64)
    maps = calling(method)(small, small_queries.images, none, none)
    assert maps.shape[0] == 0
    assert maps.ndim == 3
    assert maps.dtype == torch.float32


WHATEVER_THE_SCORE = {
    *("attention_rollout", "eigen_cam", "extremal_perturbation", "fake_cam", "lime"),
    *("meaningful_perturbation", "raw_attention", "rise", "score_cam", "sobel"),
}
"""They do not read a class, or its probability, or enlarge what they read; others have nothing to show."""


@pytest.mark.parametrize("method", METHODS)
def test_a_class_whose_score_never_moves_and_pictures_of_one_colour_are_counted(method, small, small_queries):
    def status(images):
        maps = calling(method)(small, images, torch.tensor([0]), torch.tensor([2]))
        return STATUSES[int(status_of(maps)[0])]

    black, mean = (torch.full_like(small_queries.images[:1], value) for value in (-2, 0))
    assert {status(black), status(mean)} <= {"ok", "zero", "constant"}
    small.module.classifier.weight.data[2] = small.module.classifier.bias.data[2] = 0
    assert status(small_queries.images[:1]) == ("ok" if method in WHATEVER_THE_SCORE else "zero")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_methods_work_where_gradients_are_off(method, mode, small, small_queries):
    function = calling(method)
    expected = function(small, *small_queries)
    with mode():
        queries = [tensor.clone() for tensor in small_queries]
        maps = function(small, *queries)
        assert not torch.is_grad_enabled()
    assert torch.equal(maps, expected)
    assert not maps.requires_grad


@pytest.mark.parametrize("method", PRIMITIVES)
@pytest.mark.parametrize("name", ["resnet18", "densenet121"])
def test_whole_batches_as_on_accelerators_give_the_same_maps(
    method, name, random_network, queries, monkeypatch
):
    network, function = random_network(name), calling(method)
    if method == "ablation_cam" and name == "densenet121":
        pytest.skip("a forward pass for each of 1024 channels")
    expected = function(network, *queries)

    def whole(images, image_index):
        return [Portion(images, image_index, torch.arange(len(image_index)))]

    relevance = ("methods.relevance.excitation_backprop", "methods.relevance.deep_lift")
    for module in ("layers.capture", "layers.features", "asking.rules.handing_down", *relevance):
        monkeypatch.setattr(sys.modules[f"raybench.attributions.{module}"], "portions", whole)
    maps = function(network, *queries)
    peaks = expected.amax(dim=(1, 2), keepdim=True)
    # what passed a normalisation is divided by sums that cancel: of float32 two digits are left
    tolerance = 5e-2 if method.startswith("lrp_") and name == "densenet121" else 1e-4
    assert ((maps - expected).abs() <= tolerance * peaks).all()


@pytest.mark.parametrize("method", PRIMITIVES)
def test_channels_last_changes_nothing(method, random_network, queries):
    network, function = random_network("resnet18"), calling(method)
    expected = function(network, *queries)
    last = queries._replace(images=queries.images.to(memory_format=torch.channels_last))
    torch.testing.assert_close(
        function(network, *last), expected, rtol=1e-3, atol=1e-5 * float(expected.max())
    )


@pytest.mark.parametrize("method", PRIMITIVES)
def test_bfloat16_autocast_gives_float32_maps_near_the_exact_ones(method, random_network, queries):
    network, function = random_network("resnet18"), calling(method)
    if method == "ablation_cam":  # a forward pass for each channel
        queries = queries.images[:1, :, :64, :64], *torch.tensor([[0], [200]])
    expected = function(network, *queries)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        maps = function(network, *queries)
    assert maps.dtype == torch.float32
    similarity = torch.nn.functional.cosine_similarity(maps.flatten(1), expected.flatten(1))
    nothing = torch.cat([maps, expected], dim=1).amax(dim=(1, 2)) == 0  # speaks for the class, on both sides
    assert ((similarity > 0.9) | nothing).all()


def test_methods_of_libraries_are_absent_without_them_and_importing_stays_light():
    script = (
        "import importlib.util as util, sys\n"
        "found = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'torchray' else found(name, *rest)\n"
        "import raybench.attributions as a\n"
        "assert not [e.name for e in a.ATTRIBUTIONS if 'torchray' in e.name]\n"
        "assert not {'torchvision', 'matplotlib', 'captum', 'pytorch_grad_cam'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
