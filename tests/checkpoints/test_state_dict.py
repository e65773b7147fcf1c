"""Tensors that do and do not fit a module."""

import re

import pytest
import torch
from torch import nn

from raybench.base.errors import RaybenchError
from raybench.checkpoints import ClassList, build_module
from raybench.checkpoints.weights.state_dict import fill_module

THREE = ClassList("three", ("a", "b", "c"), ("a", "b", "c"))


@pytest.fixture
def module():
    return build_module("raybench.checkpoints.shapes_net:shapes_net", num_classes=3)


def fill(module, tensors):
    fill_module(module, tensors, name="tiny", classes=THREE)


def refusal(module, tensors):
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with pytest.raises(RaybenchError) as caught:
        fill(module, tensors)
    for name, tensor in module.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)
    return str(caught.value)


def test_every_tensor_arrives(module, tensors):
    fill(module, tensors)
    state = module.state_dict()
    assert state.keys() == tensors.keys()
    assert all(torch.equal(state[name], tensors[name]) for name in tensors)


def test_names_of_torchvisions_densenet_files_are_understood():
    module = build_module("densenet121", num_classes=3)
    state = {name: torch.rand_like(tensor.float()) for name, tensor in module.state_dict().items()}
    state = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    written = {
        re.sub(r"(denselayer\d+\.)(norm|conv)(\d)\.", r"\1\2.\3.", name): one for name, one in state.items()
    }
    assert len(written.keys() - state.keys()) > 200
    fill(module, written)
    assert all(torch.equal(module.state_dict()[name], tensor) for name, tensor in state.items())


def test_names_of_data_parallel_are_taken_off(module, tensors):
    wrapped = nn.DataParallel(module).state_dict()
    assert next(iter(wrapped)).startswith("module.")
    fill(module, {name: tensors[name.removeprefix("module.")] for name in wrapped})
    assert torch.equal(module.fc.weight, tensors["fc.weight"])


def test_data_parallel_around_a_part_is_taken_off():
    # how PyTorch's ImageNet example wraps AlexNet and VGG
    alexnet = build_module("alexnet", num_classes=3)
    state = {
        name.replace("features.", "features.module."): tensor for name, tensor in alexnet.state_dict().items()
    }
    fill(alexnet, state)


def test_layer_that_is_called_module_keeps_its_name():
    class Wrapper(nn.Module):
        def __init__(self):
            super().__init__()
            self.module = nn.Linear(2, 3)

    wrapper = Wrapper()
    state = {"module.weight": torch.ones(3, 2), "module.bias": torch.ones(3)}
    fill(wrapper, state)
    assert torch.equal(wrapper.module.weight, state["module.weight"])
    fill(wrapper, {f"module.{name}": tensor * 2 for name, tensor in state.items()})
    assert torch.equal(wrapper.module.weight, state["module.weight"] * 2)


def test_missing_counters_of_batch_norm_are_tolerated(module, tensors):
    old = {name: tensor for name, tensor in tensors.items() if not name.endswith("num_batches_tracked")}
    assert len(old) < len(tensors)
    fill(module, old)
    assert torch.equal(module.fc.weight, tensors["fc.weight"])


def test_missing_tensors_are_named(module, tensors):
    del tensors["fc.weight"], tensors["fc.bias"]
    assert refusal(module, tensors) == (
        "checkpoint 'tiny': the weights lack fc.weight, fc.bias; "
        "check the card's architecture, state_dict and strip_prefix"
    )


def test_many_missing_tensors_are_counted(module, tensors):
    count = sum(not name.endswith("num_batches_tracked") for name in tensors) - 3
    assert f"the weights lack conv1.weight, bn1.weight, bn1.bias and {count} more;" in refusal(module, {})


def test_tensors_without_a_place_are_named(module, tensors):
    tensors["aux.weight"] = torch.zeros(1)
    assert "the network has no place for aux.weight;" in refusal(module, tensors)


def test_weights_of_another_network_are_refused(tensors):
    message = refusal(build_module("resnet18", num_classes=3), tensors)
    assert "the weights lack " in message
    assert " and the network has no place for " in message


def test_wrong_number_of_classes_is_said_in_words(module, tensors):
    tensors["fc.weight"] = torch.zeros(1000, tensors["fc.weight"].shape[1])
    tensors["fc.bias"] = torch.zeros(1000)
    assert refusal(module, tensors) == (
        "checkpoint 'tiny': the weights are for 1000 classes, but the class list 'three' has 3; "
        "check the card's classes"
    )


def test_wrong_shape_is_named(module, tensors):
    right = tuple(tensors["conv1.weight"].shape)
    tensors["conv1.weight"] = torch.zeros(5, 1, 3, 3)
    assert f"conv1.weight has shape (5, 1, 3, 3), but the network's is {right};" in refusal(module, tensors)


def test_scalar_in_place_of_a_matrix_is_named(module, tensors):
    right = tuple(tensors["fc.weight"].shape)
    tensors["fc.weight"] = torch.tensor(1.0)
    assert f"fc.weight has shape (), but the network's is {right};" in refusal(module, tensors)


def test_integers_in_place_of_weights_are_refused(module, tensors):
    tensors["fc.weight"] = tensors["fc.weight"].to(torch.int8)
    assert "fc.weight is torch.int8, expected torch.float32" in refusal(module, tensors)


def test_sparse_tensors_are_refused(module, tensors):
    name = next(key for key, tensor in tensors.items() if tensor.ndim == 1 and tensor.is_floating_point())
    message = refusal(module, {**tensors, name: tensors[name].to_sparse()})
    assert message == f"checkpoint 'tiny': {name} is sparse or quantised; save the weights as dense tensors"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(module, tensors, value):
    tensors["fc.bias"][1] = value
    assert "fc.bias holds values that are not finite; the file is damaged" in refusal(module, tensors)
