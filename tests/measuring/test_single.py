"""Maps of one picture outside any dataset."""

import numpy as np
import PIL.Image
import pytest
import torch

import raybench
from raybench.base.errors import RaybenchError


@pytest.fixture(scope="module")
def network() -> raybench.Network:
    return raybench.load_checkpoint("shapes-gmp")


PICTURE = PIL.Image.new("RGB", (90, 80), "olive")


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (3.5, "class 3.5 is neither an index nor a name; give one such as 282 or 'tabby'"),
        ([1, 2.0], "class 2.0 is neither an index nor a name"),
        ([None], "class None is neither"),
        (True, "class True is neither"),
        ([], "classes is empty; name at least one"),
    ],
)
def test_classes_that_are_none_are_one_sentence(
    network: raybench.Network, classes: object, message: str
) -> None:
    with pytest.raises(RaybenchError, match=message):
        raybench.attribute(network, PICTURE, classes)  # type: ignore[arg-type]


def test_a_picture_may_be_an_array_and_nothing_else_is_one_sentence(network: raybench.Network) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (80, 90, 3), dtype=np.uint8)
    expected = raybench.attribute(network, PIL.Image.fromarray(pixels), [3])
    assert torch.equal(raybench.attribute(network, pixels, [3]), expected)
    found = raybench.explain(network, pixels, [3])
    assert torch.equal(torch.from_numpy(found.maps[0]), expected)
    np.testing.assert_array_equal(np.asarray(found.picture), pixels)
    for ask in (raybench.attribute, raybench.explain):
        with pytest.raises(
            RaybenchError, match=r"the picture is an array .* of float64; expected \(H, W, 3\)"
        ):
            ask(network, pixels / 255)
        with pytest.raises(RaybenchError, match=r"the picture is an array \(80, 90\) of uint8; expected"):
            ask(network, pixels[..., 0])
        with pytest.raises(RaybenchError, match="the picture is Tensor; expected a PIL image, an array"):
            ask(network, torch.from_numpy(pixels))


def test_methods_are_named_with_options_or_are_functions_as_for_evaluate(network: raybench.Network) -> None:
    def brightest(module: torch.nn.Module, image: torch.Tensor, class_index: int) -> torch.Tensor:
        return image[0].amax(dim=0)

    early = {"name": "grad_cam", "layer": "layer3"}
    found = raybench.explain(network, PICTURE, 3, ["gradient", early, brightest])
    assert found.methods == ("gradient", "grad_cam, layer = layer3", "brightest")
    expected = raybench.attribute(network, PICTURE, 3, layer="layer3")
    assert torch.equal(torch.from_numpy(found.maps[:, 1]), expected)
    expected = raybench.attribute(network, PICTURE, 3, method=brightest)
    (alone,) = raybench.explain([network], PICTURE, 3, brightest).maps[0]
    assert torch.equal(torch.from_numpy(alone), expected[0])
    with pytest.raises(RaybenchError, match="attributions holds int; expected a name, a name with"):
        raybench.explain(network, PICTURE, 3, 7)  # type: ignore[arg-type]


def test_a_module_is_no_network_and_the_message_says_how_to_make_one(network: raybench.Network) -> None:
    for ask in (raybench.attribute, raybench.explain):
        with pytest.raises(RaybenchError, match="the network is Sequential; expected a Network, .*network_"):
            ask(network.module, PICTURE)  # type: ignore[operator]


def test_a_class_may_be_given_in_any_form(network: raybench.Network) -> None:
    label = network.classes.labels[3]
    expected = raybench.attribute(network, PICTURE, [3])
    assert expected.shape == (1, 80, 90)
    for classes in (3, np.int64(3), np.array([3]), label, (label,)):
        assert torch.equal(raybench.attribute(network, PICTURE, classes), expected)
