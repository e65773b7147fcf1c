"""Reading a network: one forward pass for all queries, at any layer, whatever works in place."""

from unittest import mock

import pytest
import torch
from torch import nn

from raybench.attributions import features_and_gradients, layer_of, sharing
from raybench.attributions.layers.watching import is_cut
from raybench.attributions.methods.activation.cam import grad_cam, grad_cam_elementwise
from raybench.attributions.methods.gradients.gradient import gradient
from raybench.attributions.methods.relevance.excitation_backprop import (
    contrastive_excitation_backprop,
    excitation_backprop,
)
from raybench.base.errors import RaybenchError, UnknownNameError


def plain_capture(network, queries, layer):
    """Features and gradients by autograd alone, one query at a time, on a network without in-place layers."""
    kept = []
    handle = network.module.get_submodule(layer).register_forward_hook(
        lambda _module, _inputs, output: kept.append(output.requires_grad_())
    )
    in_place = [part for part in network.module.modules() if getattr(part, "inplace", False)]
    for part in in_place:
        part.inplace = False
    features, gradients = [], []
    for image, target in zip(queries.image_index, queries.class_index, strict=True):
        kept.clear()
        logits = network.module(queries.images[image : image + 1])
        features.append(kept[0].detach().clone())
        gradients.append(torch.autograd.grad(logits[0, target], kept[0])[0])
    for part in in_place:
        part.inplace = True
    handle.remove()
    return torch.cat(features), torch.cat(gradients)


@pytest.mark.parametrize(
    ("name", "layer", "cut"),
    [
        ("resnet18", "layer4", True),
        ("resnet18", "layer4.1.bn1", False),
        ("resnet18", "layer4.1.conv2", False),  # a residual sum and a ReLU in place follow
        ("vgg16", "features.28", True),  # a ReLU in place follows
        ("vgg16", "features.29", True),
        ("squeezenet1_1", "features.12.expand1x1", False),  # one of two branches
        ("densenet121", "features.denseblock4.denselayer16.conv2", False),
        ("mobilenet_v3_small", "features.11.block.2", False),  # the gate of a squeeze-and-excitation layer
    ],
)
def test_any_layer_gives_what_single_queries_give(name, layer, cut, random_network, queries):
    network = random_network(name)
    assert is_cut(network.module, layer, queries.images) == cut
    queries = queries._replace(image_index=torch.tensor([1, 0]), class_index=torch.tensor([3, 200]))
    features, gradients = features_and_gradients(network, *queries, layer)
    expected_features, expected_gradients = plain_capture(network, queries, layer)
    torch.testing.assert_close(features, expected_features, rtol=1e-4, atol=1e-5)
    scale = float(expected_gradients.abs().max())
    torch.testing.assert_close(gradients, expected_gradients, rtol=1e-4, atol=1e-5 * scale)


def test_a_layer_that_runs_twice_is_read_the_last_time(small, small_queries):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu = nn.ReLU()
            self.linear = nn.Linear(3, 2).double()

        def forward(self, images):
            return self.linear(self.relu(self.relu(images) - 0.5).sum(dim=(2, 3)))

    network = type(small)(Twice().requires_grad_(False), "relu")
    zeros = torch.zeros(4, dtype=torch.int64)
    features, gradients = features_and_gradients(network, *small_queries._replace(class_index=zeros))
    images = small_queries.images[small_queries.image_index]
    assert torch.equal(features, (images.relu() - 0.5).relu())
    expected = network.module.linear.weight[0].view(1, 3, 1, 1).expand_as(images)
    torch.testing.assert_close(gradients, expected)


class Counter:
    """Counts the forward passes of a module and the rows that ran through it."""

    def __init__(self, module):
        self.passes = self.rows = 0
        module.register_forward_hook(self)

    def __call__(self, _module, inputs, _output):
        self.passes += 1
        self.rows += len(inputs[0])


def test_the_trunk_runs_once_per_image_and_the_head_once_per_query(small, small_queries):
    grad_cam(small, *small_queries)  # finds out that the layer is a cut
    whole, trunk, head = (Counter(small.module.get_submodule(name)) for name in ("", "stem", "hidden"))
    grad_cam(small, *small_queries)
    assert (whole.passes, trunk.rows, head.rows) == (2, 2, 4)


@pytest.mark.parametrize(
    "methods",
    [
        (grad_cam, grad_cam_elementwise),
        (excitation_backprop, contrastive_excitation_backprop),
        (gradient, gradient),
    ],
)
def test_methods_share_their_passes_and_give_the_same_maps(methods, small, small_queries):
    separate = [method(small, *small_queries) for method in methods]
    counter = Counter(small.module)
    methods[0](small, *small_queries)
    alone = counter.passes
    counter.passes = 0
    with sharing():
        together = [method(small, *small_queries) for method in methods]
        assert counter.passes == alone
    assert all(torch.equal(a, b) for a, b in zip(separate, together, strict=True))
    methods[0](small, *small_queries)
    assert counter.passes == 2 * alone  # nothing is kept outside


def test_shared_grad_cams_run_backward_once(small, small_queries):
    with mock.patch.object(torch.autograd, "grad", wraps=torch.autograd.grad) as backward, sharing():
        grad_cam(small, *small_queries)
        grad_cam_elementwise(small, *small_queries)
    assert backward.call_count == 2  # once for each image


def test_sharing_tells_questions_apart(small, small_queries):
    images, image_index, class_index = small_queries
    other_images, other_classes = images.flip(3), class_index.flip(0)
    expected = [
        grad_cam(small, images, image_index, class_index),
        grad_cam(small, other_images, image_index, class_index),
        grad_cam(small, images, image_index, other_classes),
        grad_cam(small, images, image_index, class_index, layer="stem"),
    ]
    with sharing(), sharing():
        found = [
            grad_cam(small, images, image_index, class_index),
            grad_cam(small, other_images, image_index, class_index),
            grad_cam(small, images, image_index, other_classes),
            grad_cam(small, images, image_index, class_index, layer="stem"),
        ]
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))


def test_sharing_sees_images_changed_in_place(small, small_queries):
    images = small_queries.images.clone()
    with sharing():
        before = grad_cam(small, images, *small_queries[1:])
        images.neg_()
        after = grad_cam(small, images, *small_queries[1:])
    assert not torch.equal(before, after)
    assert torch.equal(after, grad_cam(small, images, *small_queries[1:]))


def test_sharing_forgets_after_an_exception(small, small_queries):
    def fail():
        with sharing():
            grad_cam(small, *small_queries)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    counter = Counter(small.module)
    grad_cam(small, *small_queries)
    assert counter.passes == 2  # one for each image


def test_unknown_layer_is_named_with_the_nearest(random_network):
    with pytest.raises(UnknownNameError, match="unknown layer of ResNet 'layer_4'; did you mean .*'layer4'"):
        layer_of(random_network("resnet18").module, "layer_4")


def test_a_layer_that_does_not_run_is_refused(small, small_queries):
    small.module.unused = nn.Identity()
    with pytest.raises(RaybenchError, match="layer 'unused' does not run"):
        grad_cam(small, *small_queries, layer="unused")


def test_a_layer_without_feature_maps_is_refused(small, small_queries):
    with pytest.raises(RaybenchError, match=r"layer 'hidden' gives features \(1, 6\); expected feature maps"):
        grad_cam(small, *small_queries, layer="hidden")


def test_a_layer_that_returns_no_tensor_is_refused(small, small_queries):
    class Pair(nn.Module):
        def forward(self, images):
            return images, images

    class Wrapper(nn.Module):
        def __init__(self, module):
            super().__init__()
            self.pair = Pair()
            self.module = module

        def forward(self, images):
            return self.module(self.pair(images)[0])

    network = type(small)(Wrapper(small.module), "pair")
    with pytest.raises(RaybenchError, match="layer 'pair' returns a tuple; expected one tensor"):
        grad_cam(network, *small_queries)


def test_a_network_that_returns_no_class_scores_is_refused(small, small_queries):
    network = type(small)(nn.Sequential(nn.Conv2d(3, 2, 1).double()), "0")
    with pytest.raises(
        RaybenchError, match=r"network returns float64 \(1, 2, 9, 13\) on cpu; expected class"
    ):
        grad_cam(network, *small_queries)


@pytest.mark.parametrize("method", [grad_cam, gradient, excitation_backprop])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"images": torch.zeros(3, 9, 13)},
            r"images are float32 \(3, 9, 13\) on cpu; expected",
        ),
        ({"images": torch.zeros(2, 3, 9, 13, dtype=torch.uint8)}, "images are uint8"),
        ({"image_index": torch.tensor([0, 1, 2, 0])}, "image_index 2 is out of range; expected 0 to 1"),
        ({"image_index": torch.tensor([0, 1, -1, 0])}, "image_index -1 is out of range"),
        ({"class_index": torch.tensor([0, 5, 1, 1])}, "class_index 5 is out of range; expected 0 to 4"),
        ({"class_index": torch.tensor([0, 1])}, "image_index has 4 entries and class_index 2"),
        (
            {"class_index": torch.tensor([0.0, 1, 2, 3])},
            r"class_index is float32 \(4,\) on cpu",
        ),
    ],
)
def test_questions_that_make_no_sense_are_refused(method, change, message, small, small_queries):
    with pytest.raises(RaybenchError, match=message):
        method(small, *small_queries._replace(**change))
