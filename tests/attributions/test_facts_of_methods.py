"""What the facts on a method's decorator make of its maps: signs, seeds, one map for all classes, cost."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from raybench.attributions import Attribution, Passes, bind, bound, generator, over_colours, signed_by_colours
from raybench.base.errors import RaybenchError

RELEVANCE = torch.tensor([[[3.0, -1.0], [0.0, 2.0]], [[-4.0, 5.0], [0.0, -2.0]]])


def method(function, **facts):
    return Attribution("mine", function, **facts)


def given_relevance(network, images, image_index, class_index, *, scale: int = 1):
    return RELEVANCE[image_index] * scale


def three_colours(network, images, image_index, class_index, *, colours: str = "sum"):
    return over_colours(torch.stack([RELEVANCE, RELEVANCE, -RELEVANCE], dim=1)[image_index], colours)


@pytest.mark.parametrize(
    ("sign", "first", "second"),
    [
        ("positive", [[3, 0], [0, 2]], [[0, 5], [0, 0]]),
        ("absolute", [[3, 1], [0, 2]], [[4, 5], [0, 2]]),
        ("negative", [[0, 1], [0, 0]], [[4, 0], [0, 2]]),
    ],
)
def test_signed_maps_are_reduced_by_the_option_sign(small, sign, first, second):
    query = small, torch.zeros(2, 3, 2, 2), torch.tensor([0, 1]), torch.tensor([4, 4])
    one = bound(method(given_relevance, signed=True), {"sign": sign})
    assert torch.equal(one(*query), torch.tensor([first, second]).float())
    assert torch.equal(one.raw(*query), RELEVANCE)


def test_the_sign_stands_among_the_options_of_signed_methods_alone():
    signed, plain = method(given_relevance, signed=True), method(given_relevance)
    assert bound(signed, {"scale": 2}).options == {"scale": 2, "sign": "positive"}
    assert signed.options == {"scale": 1, "sign": "positive"}
    assert bound(plain, {"scale": 2}).options == {"scale": 2}
    assert plain.options == {"scale": 1}
    with pytest.raises(RaybenchError, match="attribution 'mine' gives maps without a sign"):
        bound(plain, {"sign": "absolute"})
    with pytest.raises(RaybenchError, match="option 'sign' of attribution 'mine' is 'both': input should be"):
        bound(signed, {"sign": "both"})


def test_a_sign_is_refused_where_colours_are_reduced_without_one():
    entry = method(three_colours, signed=signed_by_colours)
    assert bound(entry).sign == "positive"
    assert bound(entry, {"colours": "max"}).options == {"colours": "max"}
    with pytest.raises(RaybenchError, match="gives maps without a sign, as its options are"):
        bound(entry, {"colours": "l2", "sign": "negative"})


def test_colours_are_reduced_as_computed_by_hand():
    relevance = torch.tensor([[[[1.0]], [[-4.0]], [[2.0]]]])
    reduced = {colours: float(over_colours(relevance, colours)) for colours in ("sum", "max", "l2")}
    assert reduced == {"sum": -1.0, "max": 4.0, "l2": pytest.approx(21**0.5)}
    assert over_colours(relevance.double(), "sum").dtype == torch.float32


def test_a_method_that_knows_no_classes_is_asked_once_per_image(small):
    asked = []

    def brightest(network, images, image_index, class_index):
        asked.append((image_index.tolist(), class_index.tolist()))
        return images[image_index].amax(dim=1)

    images = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 2, 2)
    index, classes = torch.tensor([2, 0, 2, 3, 0]), torch.tensor([7, 5, 1, 0, 6])
    maps = bound(method(brightest, class_independent=True))(small, images, index, classes)
    assert asked == [([0, 2, 3], [5, 7, 0])]
    assert maps[:, 0, 0].tolist() == [2, 0, 2, 3, 0]


def test_seeded_methods_are_given_one_seed_per_image(small):
    def constant(network, images, image_index, class_index, seeds):
        return torch.tensor(seeds)[image_index].float()[:, None, None]

    one = bound(method(constant, seeded=True))
    query = small, torch.zeros(2, 3, 2, 2), torch.tensor([1, 0, 1]), torch.tensor([0, 1, 2])
    assert one(*query, seeds=[5, 8]).flatten().tolist() == [8, 5, 8]
    with pytest.raises(RaybenchError, match="'mine' draws random numbers and was given none for 2 images"):
        one(*query)
    with pytest.raises(RaybenchError, match="was given 3 for 2 images"):
        one(*query, seeds=[1, 2, 3])


def test_seeds_change_nothing_for_other_methods(small, small_queries):
    one = bind("gradient")
    assert torch.equal(one(small, *small_queries, seeds=[1, 2]), one(small, *small_queries))


def test_a_generator_depends_on_seed_purpose_and_index_alone():
    draw = partial(torch.randn, 5)
    first = draw(generator=generator(3, "noise", 0))
    assert torch.equal(draw(generator=generator(3, "noise", 0)), first)
    others = [generator(4, "noise", 0), generator(3, "masks", 0), generator(3, "noise", 1)]
    assert not any(torch.equal(draw(generator=other), first) for other in others)


def test_cost_follows_from_the_options():
    def per_sample(options):
        return Passes(forwards_per_image=options["scale"], backwards_per_query=2, option="scale")

    entry = method(given_relevance, signed=True, passes=per_sample)
    cost = bound(entry, {"scale": 7}).passes
    assert (cost.forwards(images=10, queries=15), cost.backwards(images=10, queries=15)) == (70, 30)
    assert bound(entry).passes.forwards(images=10, queries=15) == 10
    assert bind("grad_cam").passes == Passes(forwards_per_image=1, backwards_per_query=1)
    assert bind("random").passes == Passes()
