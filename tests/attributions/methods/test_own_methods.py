"""Methods of a user's own: functions without registration, in both forms."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

from raybench.attributions import bind, bound, input_gradients, method_of
from raybench.attributions.methods.gradients.gradient import gradient
from raybench.base.code_files import CodeFiles
from raybench.base.errors import RaybenchError

own = functools.partial(method_of, "own")


def gradient_by_hand(module, image, class_index, *, scale: float = 1.0):
    image.requires_grad_()
    module(image)[0, class_index].backward()
    return scale * image.grad.abs().amax(dim=1)[0]


def test_the_simplest_form_is_asked_one_query_at_a_time(small, small_queries):
    expected = gradient(small, *small_queries)
    maps = bound(own(gradient_by_hand))(small, *small_queries, seeds=[0, 0])
    torch.testing.assert_close(maps, expected)
    doubled = bound(own(gradient_by_hand), {"scale": 2.0})(small, *small_queries, seeds=[0, 0])
    torch.testing.assert_close(doubled, 2 * expected)
    with pytest.raises(RaybenchError, match="option 'scale' of attribution 'own' is 'two'"):
        bound(own(gradient_by_hand), {"scale": "two"})


def test_the_form_of_registered_methods_may_draw_random_numbers_or_not(small, small_queries):
    def signed(network, images, image_index, class_index):
        return input_gradients(network, images, image_index, class_index).sum(dim=1).float()

    def seeded(network, images, image_index, class_index, seeds):
        return torch.tensor(seeds)[image_index].float()[:, None, None]

    maps = bound(own(signed), {"sign": "absolute"})(small, *small_queries)
    torch.testing.assert_close(maps, signed(small, *small_queries).abs())
    assert bound(own(seeded))(small, *small_queries, seeds=[3, 4]).flatten().tolist() == [4, 3, 4, 4]


def test_a_registered_function_keeps_its_facts():
    assert own(gradient).smoothed
    assert own(gradient).name == "gradient"


def test_what_a_function_does_to_the_module_and_to_random_states_is_undone(small, small_queries):
    drawn = []

    def careless(module, image, class_index):
        drawn.append((float(torch.rand(1)), float(np.random.rand())))  # noqa: NPY002
        module.train()
        module.block.register_forward_hook(lambda *_: None)
        module.stem = torch.nn.Identity()
        return np.ones((2, 2))

    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    expected = float(torch.rand(1)), float(np.random.rand())  # noqa: NPY002
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    before = small.module(small_queries.images)
    bound(own(careless))(small, *small_queries, seeds=[5, 6])
    assert (float(torch.rand(1)), float(np.random.rand())) == expected  # noqa: NPY002
    assert torch.equal(small.module(small_queries.images), before)
    assert not small.module.block._forward_hooks
    assert drawn[0] == drawn[2] == drawn[3]  # of one image
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda module, image, class_index: 1 / 0, "cannot run on SmallNetwork: ZeroDivisionError: division"),
        (lambda module, image, class_index: image, r"returned a Tensor \(1, 3, 9, 13\); expected one map"),
        (lambda module, image, class_index: None, "returned a NoneType; expected one map"),
    ],
)
def test_what_is_wrong_with_a_function_is_said_in_a_sentence(small, small_queries, function, message):
    with pytest.raises(RaybenchError, match=f"attribution 'own' {message}"):
        bound(own(function))(small, *small_queries, seeds=[0, 0])


def test_a_function_of_other_arguments_is_refused():
    with pytest.raises(RaybenchError, match="'own' takes 2 positional arguments; expected function"):
        own(lambda image, class_index: image)


def test_a_file_gives_a_method_under_the_name_of_its_function(tmp_path, small, small_queries):
    (tmp_path / "mine.py").write_text(
        "from raybench.attributions import attribution, input_gradients\n"
        "@attribution('gradient', smoothed=True, source='mine')\n"
        "def reach(network, images, image_index, class_index, *, power: int = 1):\n"
        "    gradients = input_gradients(network, images, image_index, class_index)\n"
        "    return gradients.abs().amax(1).float() ** power\n"
    )
    method = bind("mine.py:reach", {"power": 2}, code=CodeFiles(tmp_path, trusted=True))
    assert (method.label, method.attribution.name) == ("reach", "mine.py:reach")
    assert method.attribution.smoothed
    torch.testing.assert_close(method(small, *small_queries), gradient(small, *small_queries) ** 2)
    assert bind("gradient").attribution.function is gradient
