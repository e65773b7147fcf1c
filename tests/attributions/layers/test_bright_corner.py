"""A bright corner of a picture shows in the same corner of every map: no layout is misread in silence."""

import pytest
import torch
from bright_corner import corners_told_apart
from small_families import EXPECTED, NETWORKS

from raybench.attributions import target_layer_of
from raybench.attributions.layers.features import features_of
from raybench.attributions.layers.layouts import Layout


def by_default(build):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = build().eval().requires_grad_(False)
        for parameter in module.parameters():
            if parameter.ndim == 2 and not parameter.any():
                parameter.normal_(std=0.1)  # heads of zeros
        return module


def maps_read(network):
    return lambda image: features_of(network, image, torch.tensor([0]))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_bright_corner_is_read_where_it_is_and_the_pixels_behind_that_place_lie_there(name, loaded):
    build, size = NETWORKS[name]
    size = size or (160, 160)
    network = loaded(by_default(build))
    object.__setattr__(network, "input_size", size)
    layer, kind, prefix = EXPECTED[name]
    found = target_layer_of(network)
    assert found.name == layer
    layout = Layout(kind, found.layout.height, found.layout.width, prefix)
    assert min(corners_told_apart(maps_read(network), network.module, layer, layout, size)) > 1.2


@pytest.mark.parametrize("name", ["resnet", "swin of timm", "mixer"])
def test_a_map_that_is_transposed_is_noticed(name, loaded):
    build, size = NETWORKS[name]
    size = size or (160, 160)
    network = loaded(by_default(build))
    layer, kind, prefix = EXPECTED[name]
    object.__setattr__(network, "input_size", size)
    layout, read = target_layer_of(network).layout, maps_read(network)
    sure, _ = corners_told_apart(
        lambda image: read(image).mT, network.module, layer, Layout(kind, *layout[1:3], prefix), size
    )
    assert sure < 1 / 1.2
