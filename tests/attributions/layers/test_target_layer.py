"""The layer at which maps are read, found by trying."""

import pytest
import torch
import torchvision
from small_families import EXPECTED, NETWORKS
from small_vits import seeded, timm_vit, torchvision_vit
from torch import nn

from raybench.attributions import target_layer_of
from raybench.attributions.layers.search.candidates import calls_of, examined, share_passing
from raybench.attributions.methods.activation.cam import grad_cam_elementwise, linear_approximation
from raybench.base import RaybenchError
from raybench.benchmark.measuring.maps import status_of
from raybench.benchmark.results import STATUSES
from raybench.checkpoints import find_card, load_network

ASKED = torch.tensor([0, 0]), torch.tensor([1, 3])


def single(build):
    return seeded(build).float()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_layer_of_each_family_is_the_one_that_its_users_are_told(name, loaded):
    build, size = NETWORKS[name]
    network = loaded(single(build))
    object.__setattr__(network, "input_size", size)
    found = target_layer_of(network)
    assert (found.name, found.layout.kind, found.layout.prefix) == EXPECTED[name]
    assert not any(part._forward_hooks for part in network.module.modules())


@pytest.mark.parametrize(
    ("build", "layer", "prefix"),
    [
        (timm_vit, "blocks.2.norm1", 1),
        (lambda: timm_vit("deit_tiny_distilled_patch16_224"), "blocks.2.norm1", 2),
        (lambda: timm_vit("vit_tiny_patch16_224", reg_tokens=4), "blocks.2.norm1", 5),
    ],
)
def test_of_a_class_token_network_what_its_last_attention_reads_is_found_on_a_grid_that_is_no_square(
    build, layer, prefix, loaded
):
    network = loaded(build())
    object.__setattr__(network, "input_size", (64, 48))
    found = target_layer_of(network)
    assert (found.name, found.layout) == (layer, ("tokens", 4, 3, prefix))


def test_torchvisions_vit_has_other_names(loaded):
    network = loaded(torchvision_vit())
    object.__setattr__(network, "input_size", (64, 64))
    assert target_layer_of(network).name == "encoder.layers.encoder_layer_2.ln_1"


@pytest.mark.parametrize("name", ["shapes-baseline", "shapes-gc", "shapes-gmp", "shapes-gmp-gc"])
def test_what_is_found_is_what_shipped_cards_name(name):
    network = load_network(find_card(name))
    assert target_layer_of(network).name == network.target_layer == "layer4"


class Branches(nn.Module):
    """Two branches of different strides that meet behind their places."""

    def __init__(self):
        super().__init__()
        self.fine, self.coarse = nn.Conv2d(3, 8, 4, 4), nn.Conv2d(3, 8, 8, 8)
        self.norms = nn.ModuleList(nn.BatchNorm2d(8) for _ in range(2))
        self.head = nn.Linear(8, 10)

    def forward(self, images):
        both = zip(self.norms, (self.fine(images), self.coarse(images)), strict=True)
        return self.head(sum(norm(maps).relu().mean(dim=(2, 3)) for norm, maps in both))


def test_several_branches_are_refused(loaded):
    with pytest.raises(RaybenchError, match=r"from several branches.*'norms.1'\); name target_layer in the"):
        target_layer_of(loaded(single(Branches)))


def test_scores_that_do_not_depend_on_the_picture_are_refused(loaded):
    module = single(lambda: torchvision.models.squeezenet1_1(num_classes=10))
    nn.init.zeros_(module.classifier[1].weight)
    with pytest.raises(RaybenchError, match="class scores do not depend on the picture"):
        target_layer_of(loaded(module))


class Normalised(nn.Module):
    """A layer whose scale a normalisation over channels takes away, place by place."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 8, 8)
        self.norm = nn.LayerNorm(64, elementwise_affine=True)
        self.head = nn.Linear(64, 5)

    def forward(self, images):
        features = self.stem(images).permute(0, 2, 3, 1)
        return self.head(self.norm(features).relu().mean(dim=(1, 2)))


def normalised():
    module = single(Normalised)
    module.norm.eps = 1e-12
    return module


@pytest.mark.parametrize("method", [grad_cam_elementwise, linear_approximation])
def test_sums_that_vanish_by_eulers_theorem_are_no_map(method, loaded):
    module = normalised()
    torch.nn.init.zeros_(module.stem.bias)
    images = torch.randn(1, 3, 32, 48)
    status = {}
    for layer in ("stem", "norm"):
        maps = method(loaded(module, layer), images, *ASKED)
        status[layer] = [STATUSES[code] for code in status_of(maps)]
    assert status == {"stem": ["cancelled"] * 2, "norm": ["ok"] * 2}


def test_what_cancels_is_passed_over_for_the_normalisation_behind_it(loaded):
    network = loaded(normalised())
    left = {one.call.name: one.left for one in examined(network, calls_of(network, (64, 64)), (64, 64))}
    assert left["stem"] < 1e-5 < 1e-2 < left["norm"]
    assert target_layer_of(network).name == "norm"


class Around(nn.Module):
    """A sum of two branches, which give 2 and 1 times the same maps."""

    def __init__(self):
        super().__init__()
        self.stem, self.branch, self.head = nn.Conv2d(3, 4, 8, 8), nn.Identity(), nn.Linear(4, 5)

    def forward(self, images):
        maps = self.stem(images)
        return self.head((2 * self.branch(maps) + maps).mean(dim=(2, 3)))


def test_two_thirds_of_the_evidence_pass_a_branch_that_carries_two_thirds(loaded):
    network = loaded(single(Around))
    assert share_passing(network, "stem", (32, 32)) == (pytest.approx(1), True)
    assert share_passing(network, "branch", (32, 32)) == (pytest.approx(2 / 3), False)
