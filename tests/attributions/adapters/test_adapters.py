"""Other libraries' own methods under our interface: beside ours where the formulas are the same."""

from __future__ import annotations

import pytest
import torch
from calling import OF_LIBRARIES
from torch import nn

from raybench.attributions import ATTRIBUTIONS, bind
from raybench.attributions.adapters import theirs
from raybench.base import RaybenchError, UnknownNameError

LIBRARIES = ("torchray", "captum", "pytorch_grad_cam", "zennit", "torchcam")
IMAGES = torch.randn(2, 3, 16, 20, generator=torch.Generator().manual_seed(3))
QUERIES = IMAGES, torch.tensor([1, 0, 1]), torch.tensor([3, 1, 0])
SMALL = {
    "captum.Lime": {"n_samples": 20},
    "captum.KernelShap": {"n_samples": 3},
    "captum.ShapleyValueSampling": {"n_samples": 1},
    "torchray.rise": {"num_masks": 3},
    "torchray.extremal_perturbation": {"max_iter": 2, "sigma": 7},
    "torchcam.SSCAM": {"num_samples": 2},
    "torchcam.ISCAM": {"num_samples": 2},
}


@pytest.fixture
def plain(loaded):
    """Two convolutions, without normalisation, and a linear layer of averages: all libraries take it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        module = nn.Sequential(
            *(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(inplace=True)),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)),
        )
    module[-1].weight.data *= 20  # scores far enough apart for regressions that draw weights to zero
    network = loaded(module, "4")
    return type(network)(network.module, "4", "2", "5")


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_libraries_of_the_tests_are_installed(library):
    assert any(name.startswith(f"{library}.") for name in OF_LIBRARIES)


@pytest.mark.parametrize(
    ("name", "ours", "arguments", "options"),
    [
        ("captum.InputXGradient", "input_x_gradient", {}, {}),
        (
            "captum.IntegratedGradients",
            "integrated_gradients",
            {"baselines": "black", "n_steps": 8, "method": "riemann_middle"},
            {"steps": 8},
        ),
        ("captum.Saliency", "gradient", {"abs": False}, {"colours": "sum"}),
        ("captum.LayerGradientXActivation", "linear_approximation", {}, {}),
        ("captum.Occlusion", "occlusion", {}, {}),
        ("pytorch_grad_cam.GradCAM", "grad_cam", {}, {}),
        ("pytorch_grad_cam.HiResCAM", "grad_cam_elementwise", {}, {}),
        ("pytorch_grad_cam.GradCAMPlusPlus", "grad_cam_plus_plus", {}, {"epsilon": 1e-6}),
        ("pytorch_grad_cam.ScoreCAM", "score_cam", {}, {}),
        ("torchcam.LayerCAM", "layer_cam", {}, {}),
        ("torchcam.CAM", "cam", {}, {}),
        ("zennit.EpsilonPlusFlat", "lrp_epsilon_plus_flat", {}, {}),
        ("zennit.EpsilonGammaBox", "lrp_epsilon_gamma_box", {}, {}),
        ("torchray.linear_approx", "linear_approximation", {}, {}),
        ("torchray.guided_backprop", "guided_backprop", {}, {}),
        ("torchray.contrastive_excitation_backprop", "contrastive_excitation_backprop", {}, {}),
    ],
)
def test_their_map_is_ours(name, ours, arguments, options, plain):
    found = bind(name, {"arguments": arguments}).raw(plain, *QUERIES, seeds=[1, 2])
    expected = bind(ours, options).raw(plain, *QUERIES)
    assert float(expected.abs().max()) > 0
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=4e-6 * float(expected.abs().max()))


@pytest.mark.parametrize("name", OF_LIBRARIES)
def test_every_one_gives_finite_maps_for_each_query_and_leaves_the_network(name, plain):
    method = bind(name, {"arguments": SMALL[name]} if name in SMALL else {})
    before = {key: value.clone() for key, value in plain.module.state_dict().items()}
    maps = method(plain, *QUERIES, seeds=[1, 2])
    assert maps.dtype == torch.float32
    assert (len(maps), maps.ndim) == (3, 3)
    assert torch.isfinite(maps).all()
    assert torch.equal(method(plain, *QUERIES, seeds=[1, 2]), maps)
    assert all(torch.equal(value, before[key]) for key, value in plain.module.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in plain.module.modules())
    assert not any(parameter.requires_grad for parameter in plain.module.parameters())


@pytest.mark.parametrize(
    "name", [name for name in OF_LIBRARIES if ATTRIBUTIONS.get(name).seeded and "Shapley" not in name]
)
def test_what_a_library_draws_follows_from_the_seed_of_the_image(name, plain):
    method = bind(name, {"arguments": SMALL[name]} if name in SMALL else {})
    maps = method.raw(plain, *QUERIES, seeds=[1, 2])
    again = method.raw(plain, *QUERIES, seeds=[5, 2])
    assert torch.equal(again[[0, 2]], maps[[0, 2]])
    assert not torch.equal(again[1], maps[1])


def test_an_argument_that_they_do_not_take_is_refused(plain):
    method = bind("captum.IntegratedGradients", {"arguments": {"steps": 3}})
    with pytest.raises(RaybenchError, match="captum.IntegratedGradients takes no argument 'steps'; its arg"):
        method(plain, *QUERIES)


def test_a_layer_or_class_that_the_network_lacks_is_refused_in_our_words(plain):
    with pytest.raises(UnknownNameError, match="unknown layer of Sequential 'last'"):
        bind("torchcam.GradCAM", {"layer": "last"})(plain, *QUERIES)
    with pytest.raises(RaybenchError, match="^class_index 4 is out of range; expected 0 to 3$"):
        bind("captum.Saliency")(plain, IMAGES, torch.tensor([0]), torch.tensor([4]))


def test_what_a_library_cannot_do_is_one_sentence(loaded):
    pool = nn.ReLU()  # used twice, which captum's DeepLift refuses
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3), pool, nn.Conv2d(4, 4, 3), pool, nn.Flatten(), nn.Linear(768, 4)
    )
    with pytest.raises(RaybenchError, match="attribution 'captum.DeepLift' cannot run on Sequential: [^\n]+"):
        bind("captum.DeepLift")(loaded(module), *QUERIES)


def test_a_library_that_is_missing_is_named_with_the_way_to_install_it(monkeypatch):
    monkeypatch.setattr(theirs.importlib.util, "find_spec", lambda name: None)
    message = "'pytorch_grad_cam.GradCAM' is a method of pytorch_grad_cam, which is not installed; install it"
    with pytest.raises(RaybenchError, match=message + r" by pip install 'raybench\[grad-cam\]'"):
        bind("pytorch_grad_cam.GradCAM")
    bind("grad_cam")
