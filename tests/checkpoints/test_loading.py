"""From a card, or a module in memory, to a network."""

import copy

import pytest
import torch
from torch import nn

from raybench.base.errors import RaybenchError, UnknownNameError
from raybench.checkpoints import (
    ClassList,
    build_module,
    load_network,
    network_from_module,
    read_card,
    resolved,
)

TINY = "raybench.checkpoints.shapes_net:shapes_net"


def reference(tensors, images, *, pooling=None):
    """The tiny network's logits, from a module built and filled by plain torch."""
    module = build_module(TINY, num_classes=3)
    module.load_state_dict(tensors)
    if pooling is not None:
        module.avgpool = pooling
    with torch.no_grad():
        return module.eval()(images)


def test_loaded_network_computes_what_its_weights_say(write_card, tensors):
    network = load_network(write_card())
    images = torch.rand(2, 3, 33, 48)
    torch.testing.assert_close(network.module(images), reference(tensors, images))


def test_max_pooling_is_used_where_the_card_says_so(write_card, tensors):
    network = load_network(write_card(pooling="max"))
    images = torch.rand(2, 3, 33, 48)
    expected = reference(tensors, images, pooling=nn.AdaptiveMaxPool2d(1))
    torch.testing.assert_close(network.module(images), expected)
    assert not torch.allclose(expected, reference(tensors, images))


def test_network_is_ready_to_be_measured(write_card):
    network = load_network(write_card())
    assert not network.module.training
    assert not any(parameter.requires_grad for parameter in network.module.parameters())
    assert network.module.conv1.weight.is_contiguous(memory_format=torch.channels_last)
    assert {parameter.dtype for parameter in network.module.parameters()} == {torch.float32}
    assert network.device == torch.device("cpu")


def test_network_carries_the_facts_of_its_card(write_card):
    network = load_network(write_card())
    assert (network.name, network.classes.ids) == ("tiny", ("circle", "square", "star"))
    assert network.classes.labels == ("circle", "the square", "star")
    assert (network.target_layer, network.excitation_layer, network.contrast_layer) == (
        "layer4",
        "layer3",
        "avgpool",
    )
    assert len(network.weights_sha256) == 64


def test_pixels_are_normalised_by_channel(write_card):
    network = load_network(write_card(mean=[0.0, 0.5, 1.0], std=[1.0, 0.5, 0.25]))
    pixels = torch.tensor([255, 0, 51], dtype=torch.uint8).view(1, 3, 1, 1)
    # (1 - 0) / 1, (0 - 0.5) / 0.5, (0.2 - 1) / 0.25
    torch.testing.assert_close(network.normalise(pixels).flatten(), torch.tensor([1.0, -1.0, -3.2]))


def test_black_and_white_are_known_in_units_of_the_input(write_card):
    network = load_network(write_card(mean=[0.0, 0.5, 1.0], std=[1.0, 0.5, 0.25]))
    low, high = network.input_range
    assert (low.shape, low.flatten().tolist()) == ((3, 1, 1), [0.0, -1.0, -4.0])
    assert (high.shape, high.flatten().tolist()) == ((3, 1, 1), [1.0, 1.0, 0.0])


def test_a_card_says_whether_an_image_may_have_several_classes(write_card):
    assert not load_network(write_card()).multi_label
    assert load_network(write_card(multilabel=True)).multi_label


def test_card_itself_may_be_given(write_card):
    card = read_card(write_card())
    assert load_network(card).card == resolved(card)


def test_class_list_of_another_length_is_refused(write_card):
    with pytest.raises(
        RaybenchError, match=r"the weights are for 3 classes, but the class list 'voc20' has 20"
    ):
        load_network(write_card(classes="voc20"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"target_layer": "layer5"},
            r"unknown target_layer of checkpoint 'tiny' 'layer5'; did you mean 'layer",
        ),
        ({"excitation_layer": "layer9.0"}, "unknown excitation_layer of checkpoint 'tiny' 'layer9.0'"),
        ({"contrast_layer": "avg_pool"}, r"did you mean 'avgpool'"),
        ({"target_layer": ""}, "unknown target_layer of checkpoint 'tiny' ''"),
        ({"classes": "imagenet"}, "unknown class list 'imagenet'; did you mean 'imagenet1k'"),
        ({"classes": "gone.txt"}, r"unknown class list '.*gone\.txt'"),
        (
            {"architecture": "resnet_18"},
            "unknown torchvision architecture 'resnet_18'; did you mean 'resnet18'",
        ),
    ],
)
def test_unknown_names_in_a_card_are_explained(write_card, changes, message):
    with pytest.raises(UnknownNameError, match=message):
        load_network(write_card(**changes))


def test_code_in_a_card_does_not_run_without_trust(write_card):
    with pytest.raises(RaybenchError, match="would run code of the package 'os'"):
        load_network(write_card(architecture="os:mkdir"))


def test_device_that_is_not_there_is_named(write_card):
    with pytest.raises(RaybenchError, match=r"^cannot use the device 'nonsense': "):
        load_network(write_card(), device="nonsense")


@pytest.fixture
def own_module():
    torch.manual_seed(0)
    module = build_module(TINY, num_classes=2)
    module.layer1.requires_grad_(False)
    return module.train()


def from_memory(module, **changes):
    options = {"name": "mine", "classes": ClassList("two", ("a", "b"), ("a", "b")), "target_layer": "layer4"}
    return network_from_module(module, **{**options, **changes})


def test_module_in_memory_becomes_a_network(own_module):
    network = from_memory(own_module, mean=(0.5, 0.5, 0.5))
    images = torch.rand(1, 3, 24, 40)
    with torch.no_grad():
        torch.testing.assert_close(network.module(images), copy.deepcopy(own_module).eval()(images))
    assert not network.module.training
    assert not any(parameter.requires_grad for parameter in network.module.parameters())
    assert (network.name, network.weights_sha256, network.card.mean) == ("mine", "", (0.5, 0.5, 0.5))


def test_module_in_memory_stays_as_it_was(own_module):
    before = copy.deepcopy(own_module)
    network = from_memory(own_module)
    for (name, old), new in zip(before.named_parameters(), own_module.parameters(), strict=True):
        assert (old.requires_grad, old.stride()) == (new.requires_grad, new.stride()), name
    assert all(module.training for module in own_module.modules())
    with torch.no_grad():
        own_module.fc.bias.add_(1)
    assert torch.equal(network.module.fc.bias, before.fc.bias), "training on does not change the network"


def test_module_in_memory_needs_its_layer_and_parameters(own_module):
    with pytest.raises(UnknownNameError, match=r"unknown target_layer of checkpoint 'mine' 'layer5'"):
        from_memory(own_module, target_layer="layer5")
    with pytest.raises(RaybenchError, match="checkpoint 'mine': the module has no parameters"):
        from_memory(nn.Sequential(nn.ReLU()), target_layer="0")


def test_module_in_memory_needs_a_name_that_can_be_a_folder(own_module):
    with pytest.raises(RaybenchError, match=r"^network_from_module: name: string should match pattern"):
        from_memory(own_module, name="a/b")


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")
def test_one_image_on_one_thread_is_convolved_as_many_on_several_are():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 96, 3, padding=1), nn.Conv2d(96, 200, 1), nn.Conv2d(200, 5, 1)]
    module = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    network = network_from_module(
        module, name="pointwise", classes=ClassList("letters", tuple("abcde"), tuple("abcde"))
    )
    images = torch.randn(1, 3, 96, 128).contiguous(memory_format=torch.channels_last)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        with torch.profiler.profile() as passes:
            logits = network.module(images)
    finally:
        torch.set_num_threads(threads)
    called = [event.key for event in passes.key_averages() for _ in range(event.count)]
    assert called.count("aten::mkldnn_convolution") == called.count("aten::convolution") == 3
    torch.testing.assert_close(logits, module(images))
    assert module[1].dilation == (1, 1)  # what is measured is a copy


def test_classes_of_a_module_are_given_as_names(own_module):
    assert from_memory(own_module, classes=["house finch", "wren"]).classes.labels == ("house finch", "wren")
    with pytest.raises(RaybenchError, match="names 'wren' twice"):
        from_memory(own_module, classes=["wren", "wren"])
