"""A bright corner of a picture shows in the same corner of every map: no layout is misread in silence."""

import pytest
import torch
from small_families import EXPECTED, NETWORKS

from raybench.attributions import target_layer_of
from raybench.attributions.reading.features import features_of

QUARTERS = ((0, 0), (0, 1), (1, 0), (1, 1))


def by_default(build):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = build().eval().requires_grad_(False)
        for parameter in module.parameters():
            if parameter.ndim == 2 and not parameter.any():
                parameter.normal_(std=0.1)  # heads of zeros
        return module


def quarter_of(energy):
    """Which quarter of a map (h, w) holds most of it."""
    height, width = energy.shape
    halves = (
        (slice(0, height // 2), slice(height - height // 2, height)),
        (
            slice(0, width // 2),
            slice(width - width // 2, width),
        ),
    )
    return max(
        QUARTERS, key=lambda quarter: float(energy[halves[0][quarter[0]], halves[1][quarter[1]]].mean())
    )


def pixels_behind(module, layer, kind, prefix, image, place, width):
    """Gradient of a place's energy to the pixels, by an index into the layer's output written by hand."""
    kept = []
    handle = module.get_submodule(layer).register_forward_hook(lambda *call: kept.append(call[2]))
    pixels = image.clone().requires_grad_()
    module(pixels)
    handle.remove()
    row, column = place
    output = kept[0]
    at = {
        "channels_first": lambda: output[0, :, row, column],
        "channels_last": lambda: output[0, row, column],
        "tokens": lambda: output[0, prefix + row * width + column],
    }[kind]()
    # of the square of what exceeds the mean: a normalisation fixes the sum of squares itself
    (gradient,) = torch.autograd.grad((at - at.mean()).pow(4).sum(), pixels)
    return gradient[0].square().sum(dim=0)


# pixels behind a place of an MNASNet that was never trained lie all over the picture
@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "mnasnet"])
def test_a_bright_corner_is_read_where_it_is_and_the_pixels_behind_that_place_lie_there(name, loaded):
    build, size = NETWORKS[name]
    height, width = size or (160, 160)
    network = loaded(by_default(build))
    object.__setattr__(network, "input_size", (height, width))
    layer, kind, prefix = EXPECTED[name]
    assert target_layer_of(network).name == layer
    drawn = torch.Generator().manual_seed(2)
    dark = torch.rand(1, 3, height, width, generator=drawn) * 0.2 - 1
    for down, right in QUARTERS:
        bright = dark.clone()
        rows = slice(0, height // 3) if down == 0 else slice(height - height // 3, height)
        columns = slice(0, width // 3) if right == 0 else slice(width - width // 3, width)
        bright[:, :, rows, columns] += 2
        asked = torch.tensor([0])
        change = features_of(network, bright, asked) - features_of(network, dark, asked)
        energy = change[0].square().sum(dim=0)
        assert quarter_of(energy) == (down, right)
        place = divmod(int(energy.argmax()), energy.shape[1])
        behind = pixels_behind(network.module, layer, kind, prefix, bright, place, energy.shape[1])
        assert quarter_of(behind) == (down, right)
