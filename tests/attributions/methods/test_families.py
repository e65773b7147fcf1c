"""Every method on every family of networks: it makes a map, or says in one sentence why it is not defined."""

import functools

import pytest
import timm
import torch
from calling import OURS, calling
from small_vits import seeded

from raybench.attributions import ATTRIBUTIONS
from raybench.base import RaybenchError
from raybench.checkpoints import ClassList, network_from_module
from raybench.checkpoints.shapes_net import shapes_net

SIZE = 64
IDS = tuple(map(str, range(10)))
FAMILIES = {
    "CNN": lambda: shapes_net(10),
    "gated CNN": lambda: timm.create_model("lcnet_035", num_classes=10),
    "ConvNeXt": lambda: timm.create_model(
        "convnext_atto", depths=(1, 1, 1, 1), dims=(8, 16, 24, 32), num_classes=10
    ),
    "Swin": lambda: timm.models.SwinTransformer(
        SIZE, window_size=4, embed_dim=16, depths=(1, 1), num_heads=(2, 2), num_classes=10
    ),
    "ViT": lambda: timm.models.VisionTransformer(SIZE, depth=2, embed_dim=32, num_heads=2, num_classes=10),
    "mixer": lambda: timm.models.MlpMixer(10, img_size=SIZE, patch_size=8, num_blocks=2, embed_dim=24),
}
REFUSED = {
    ("excitation_backprop", "ViT"): "attention",
    ("guided_backprop", "ViT"): "ReLU",
    ("guided_backprop", "ConvNeXt"): "ReLU",
    ("cam", "ViT"): "linearly",
    ("cam", "ConvNeXt"): "linearly",
    ("attention_rollout", "CNN"): "attention",
    ("attention_rollout", "Swin"): "windows",
    ("attention_rollout", "mixer"): "attention",
}
"""Part of what a word of the reason has to be."""
WORK = (
    *(
        (name, family)
        for name in ("gradient", "grad_cam", "grad_cam_elementwise", "rise")
        for family in FAMILIES
    ),
    ("excitation_backprop", "CNN"),
    ("excitation_backprop", "ConvNeXt"),
    ("excitation_backprop", "Swin"),
    ("cam", "CNN"),
    ("cam", "Swin"),
    ("attention_rollout", "ViT"),
)


@pytest.fixture(scope="module")
def tried():
    """What became of a method on a family: a reason, or the largest value of a map."""

    @functools.cache
    def network(family):
        module = seeded(FAMILIES[family]).float()
        return network_from_module(
            module, name=family.replace(" ", "-"), classes=ClassList("ten", IDS, IDS), input_size=(SIZE, SIZE)
        )

    @functools.cache
    def outcome(name, family):
        images = torch.randn(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
        asked = torch.tensor([0]), torch.tensor([3])
        try:
            ATTRIBUTIONS.get(name).check(network(family))
            return calling(name)(network(family), images, *asked)
        except RaybenchError as error:
            return str(error)

    return outcome


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", OURS)
def test_a_method_makes_a_map_or_says_why_not(name, family, tried):
    found = tried(name, family)
    if isinstance(found, str):
        assert "\n" not in found
        assert len(found) > 30
    else:
        assert found.ndim == 3
        assert len(found) == 1
        assert min(found.shape[1:]) >= 2
        assert found.isfinite().all()


@pytest.mark.parametrize(("name", "family"), REFUSED)
def test_the_reason_names_what_is_missing(name, family, tried):
    assert REFUSED[name, family] in tried(name, family)


@pytest.mark.parametrize(("name", "family"), WORK)
def test_what_users_expect_to_work_works(name, family, tried):
    assert float(tried(name, family).max()) > 0
