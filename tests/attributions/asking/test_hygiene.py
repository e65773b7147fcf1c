"""Nothing is left behind: a network is after each method what it was before, also when the method failed."""

import copy
import gc
import sys
from contextlib import nullcontext

import pytest
import torch
from calling import METHODS, asks, calling, goes_back
from torch import nn

from raybench.attributions.arithmetic import denormals_flushed
from raybench.base.errors import RaybenchError


def state_of(module):
    """Everything about a module that a method might leave changed."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return {
        "tensors": {name: tensor.clone() for name, tensor in module.state_dict().items()},
        "gradients": [parameter.grad for parameter in module.parameters()],
        "requires_grad": [parameter.requires_grad for parameter in module.parameters()],
        "tensor hooks": [parameter._backward_hooks for parameter in module.parameters()],
        "identities": [id(tensor) for tensor in (*module.parameters(), *module.buffers())],
        "parts": [(id(part), type(part), sorted(vars(part))) for part in module.modules()],
        "modes": [part.training for part in module.modules()],
        "in place": [getattr(part, "inplace", None) for part in module.modules()],
        "hooks": [list(getattr(part, name)) for part in module.modules() for name in hooks],
    }


def assert_unchanged(module, before):
    after = state_of(module)
    tensors, expected = after.pop("tensors"), before.pop("tensors")
    assert after == before
    assert tensors.keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in tensors.items())


@pytest.mark.parametrize("method", METHODS)
def test_the_network_is_as_before(method, small, small_queries):
    module = small.module
    module.block.requires_grad_(True)
    module.dropout.train()
    module.block.norm.train()
    module.stem.register_forward_hook(lambda *_: None)
    outputs = copy.deepcopy(module).eval()(small_queries.images)
    before = state_of(module)
    calling(method)(small, *small_queries)
    assert_unchanged(module, before)
    assert torch.equal(module.eval()(small_queries.images), outputs)


@pytest.mark.parametrize("method", METHODS)
def test_methods_see_the_network_in_eval_mode(method, small, small_queries):
    function = calling(method)
    expected = function(small, *small_queries)
    small.module.train()
    assert torch.equal(function(small, *small_queries), expected)


@pytest.mark.parametrize("method", METHODS)
def test_images_are_as_before(method, small, small_queries):
    images = small_queries.images.clone()
    calling(method)(small, images, *small_queries[1:])
    assert torch.equal(images, small_queries.images)
    assert not images.requires_grad
    assert images.grad is None


class _FailingBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, inputs):
        return inputs.clone()

    @staticmethod
    def backward(ctx, gradient):
        raise RuntimeError("the backward pass fails")


class FailsBackward(nn.Module):
    def forward(self, inputs):
        return _FailingBackward.apply(inputs)


class FailsForward(nn.Module):
    def forward(self, inputs):
        raise RuntimeError("the forward pass fails")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("failing", [FailsForward, FailsBackward])
def test_the_network_is_as_before_after_an_exception(method, failing, small, small_queries):
    module = small.module
    module.block.requires_grad_(True)
    module.block.norm.train()
    function = calling(method)
    expected = function(small, *small_queries)
    module.dropout = failing()  # in the middle of the part that has a graph
    before = state_of(module)
    fails = (failing is FailsForward and asks(method)) or goes_back(method)
    said = pytest.raises(
        (RuntimeError, RaybenchError), match="pass fails|is not connected"
    )  # of libraries in our words
    with said if fails else nullcontext():
        function(small, *small_queries)
    assert_unchanged(module, before)
    module.dropout = nn.Dropout()
    assert torch.equal(function(small, *small_queries), expected)


@pytest.fixture(scope="module")
def frozen():
    """What is there is not looked at again, which takes a second for each look."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("method", METHODS)
def test_memory_does_not_grow_over_queries(method, small, small_queries, frozen):
    function = calling(method)
    function(small, *small_queries)
    gc.collect()
    gc.freeze()
    for _ in range(3):
        function(small, *small_queries)
    gc.collect()
    assert not [item for item in gc.get_objects() if issubclass(type(item), torch.Tensor)]


def flushing():
    return sys.float_info.min * 0.5 == 0.0


@pytest.mark.parametrize("method", METHODS)
def test_denormals_are_as_before(method, small, small_queries):
    calling(method)(small, *small_queries)
    assert not flushing()


def test_denormals_are_flushed_inside_and_restored_after_an_exception():
    def fail():
        with denormals_flushed():
            assert (torch.tensor([1e-30]) * 1e-10).item() == 0.0
            with denormals_flushed():
                assert flushing()
            assert flushing()
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert not flushing()
    assert (torch.tensor([1e-30]) * 1e-10).item() > 0.0
