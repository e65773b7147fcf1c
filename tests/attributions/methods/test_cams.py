"""The family of Grad-CAM against pytorch-grad-cam, torchcam, and maps computed by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from calling import is_defined
from torch import nn

from raybench.attributions import ATTRIBUTIONS, bind
from raybench.attributions.methods.gradients.full_grad import full_gradients
from raybench.base import RaybenchError
from raybench.benchmark.measuring.maps import status_of
from raybench.benchmark.results.files.rows import STATUSES

pytorch_grad_cam = pytest.importorskip("pytorch_grad_cam")
ClassifierOutputTarget = pytorch_grad_cam.utils.model_targets.ClassifierOutputTarget

THEIRS = {
    "grad_cam": "GradCAM",
    "grad_cam_elementwise": "HiResCAM",
    "grad_cam_plus_plus": "GradCAMPlusPlus",
    "xgrad_cam": "XGradCAM",
    "layer_cam": "LayerCAM",
    "eigen_cam": "EigenCAM",
    "eigen_grad_cam": "EigenGradCAM",
    "ablation_cam": "AblationCAM",
}


def their_map(name, network, image, class_index):
    """Their map before it is normalised: what get_cam_image gives for the layer."""
    layer = network.module.get_submodule(network.target_layer)
    kind = getattr(pytorch_grad_cam, name)
    taken = []

    class Kept(kind):
        def get_cam_image(self, *arguments):
            taken.append(super().get_cam_image(*arguments))
            return taken[-1]

    for parameter in network.module.parameters():
        parameter.requires_grad_(True)
    with Kept(network.module, [layer]) as cam:
        cam.batch_size = 64
        cam(image[None], [ClassifierOutputTarget(class_index)])
    for parameter in network.module.parameters():
        parameter.requires_grad_(False)
        parameter.grad = None
    return torch.from_numpy(np.asarray(taken[0]))[0]


@pytest.fixture
def picture():
    return torch.randn(3, 96, 128, generator=torch.Generator().manual_seed(11))


@pytest.mark.parametrize("method", THEIRS)
def test_maps_are_those_of_pytorch_grad_cam(method, random_network, picture):
    # its epsilon is added here too; AblationCAM hides 0 where features are not negative
    network = random_network("resnet18")
    options = {"epsilon": 1e-6} if method == "grad_cam_plus_plus" else {}
    ours = bind(method, options).raw(network, picture[None], torch.tensor([0]), torch.tensor([7]))[0]
    theirs = their_map(THEIRS[method], network, picture, 7).float()
    if method.startswith("eigen"):  # a component has no sign of its own
        theirs = max(theirs.clamp(min=0), (-theirs).clamp(min=0), key=lambda one: -(one - ours).abs().max())
    theirs = theirs.clamp(min=0)
    if method == "ablation_cam":  # they divide by a score that may be negative
        theirs, ours = theirs / theirs.max().clamp(min=1e-12), ours / ours.max().clamp(min=1e-12)
    assert float((ours - theirs).abs().max()) <= 5e-6 * float(theirs.abs().max())


def test_cam_is_that_of_torchcam(random_network, picture):
    torchcam = pytest.importorskip("torchcam.methods")
    network = random_network("resnet18")
    with torchcam.CAM(network.module, "layer4", "fc") as extractor:
        scores = network.module(picture[None])
        theirs = extractor(7, scores, normalized=False)[0][0]
    ours = bind("cam").raw(network, picture[None], torch.tensor([0]), torch.tensor([7]))[0]
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5 * float(theirs.abs().max()))


@pytest.mark.parametrize("name", ["alexnet", "vgg16"])
def test_cam_is_refused_where_no_average_is_weighed(name, random_network):
    with pytest.raises(RaybenchError, match="cam needs scores that weigh the averaged maps"):
        bind("cam").check(random_network(name))


def test_average_pooling_and_a_linear_layer_make_many_cams_one(random_network, picture):
    network = random_network("resnet18")
    queries = picture[None], torch.tensor([0]), torch.tensor([7])
    plain = bind("grad_cam")(network, *queries)
    for other in ("xgrad_cam", "grad_cam_elementwise", "cam", "linear_approximation"):
        found = bind(other)(network, *queries)
        torch.testing.assert_close(found / found.max(), plain / plain.max(), rtol=1e-3, atol=1e-5)


IMAGE = torch.tensor([[[[1.0, 2], [3, 4]], [[4, 3], [2, 1]], [[9, 9], [9, 9]]]])
ZERO = torch.tensor([0])


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        # red: sum_uv relu(G) / (2 + 10 relu(G)) = 1/12 + 2/22 + 3/32 + 2/22; green has no positive gradient
        ("grad_cam_plus_plus", (1 / 12 + 2 / 22 + 3 / 32 + 2 / 22) * torch.tensor([[1.0, 2], [3, 4]])),
        # red: (1 + 4 + 9 + 8) / 10 = 2.2, green: -12 / 10 = -1.2
        ("xgrad_cam", torch.tensor([[0.0, 0.8], [4.2, 7.6]])),
        ("layer_cam", torch.tensor([[1.0, 4], [9, 8]])),
        ("norm_grad", torch.tensor([[17**0.5, 13**0.5 * 20**0.5], [13**0.5 * 3, 17**0.5 * 2]])),
        # y = 22 - 12 = 10; without red -12: (10 + 12) / 10 = 2.2; without green 22: (10 - 22) / 10 = -1.2
        ("ablation_cam", torch.tensor([[0.0, 0.8], [4.2, 7.6]])),
    ],
)
def test_maps_computed_by_hand(method, expected, by_hand):
    torch.testing.assert_close(bind(method)(by_hand, IMAGE, ZERO, ZERO)[0], expected)


def test_linear_approximation_keeps_its_sign(by_hand):
    expected = torch.tensor([[1.0, 4 - 12], [9, 8]])
    assert torch.equal(bind("linear_approximation").raw(by_hand, IMAGE, ZERO, ZERO)[0], expected)


def test_score_cam_by_hand(by_hand):
    # red seen through itself, brought to 0..1: [[0,1/3],[2/3,1]], which also dims green; and the reverse
    red, green = IMAGE[0, 0], IMAGE[0, 1]
    seen = (red - 1) / 3, (green - 1) / 3
    weight = torch.tensor([[[1.0, 2], [3, 2]], [[0.0, -4], [0, 0]]])
    scores = torch.stack([(weight[0] * red * mask + weight[1] * green * mask).sum() for mask in seen])
    share = scores.softmax(dim=0)
    expected = share[0] * red + share[1] * green
    torch.testing.assert_close(bind("score_cam")(by_hand, IMAGE, ZERO, ZERO)[0], expected)


def test_eigen_cam_shows_the_direction_of_largest_spread(by_hand):
    # red and green fall and rise together: centred, the component is the difference, red - green over root 2
    found = bind("eigen_cam")(by_hand, IMAGE, ZERO, ZERO)[0]
    line = torch.tensor([[-3.0, -1], [1, 3]]) / 2**0.5
    assert any(torch.allclose(found, one.clamp(min=0), atol=1e-5) for one in (line, -line))


ACTIVATION = [one.name for one in ATTRIBUTIONS if one.family == "activation" and "." not in one.name]


@pytest.mark.parametrize("method", ACTIVATION)
def test_a_map_of_one_pixel_has_no_peak_and_features_that_are_no_numbers_are_counted(method, loaded):
    parts = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    network = replace(loaded(nn.Sequential(*parts), "1"), layout="channels_first")
    image = IMAGE.repeat(1, 1, 2, 2)
    found = [bind(method)(network, one, ZERO, ZERO) for one in (image[..., :3, :3], image * torch.nan)]
    assert [STATUSES[int(status_of(maps)[0])] for maps in found] in (["constant", "nan"], ["zero", "nan"])


@pytest.mark.parametrize("name", ["resnet18", "vgg16", "densenet121"])
def test_full_gradients_add_up_to_the_score(name, random_network, picture):
    classes = torch.tensor([7, 300])
    for found in full_gradients(random_network(name), picture, classes, lambda parts: parts):
        assert found.total == pytest.approx(found.score, rel=2e-3, abs=1e-4)


@pytest.mark.parametrize("name", ["efficientnet_b0", "convnext_tiny"])
def test_networks_without_relus_are_refused_by_methods_that_need_them(name, random_network):
    network = random_network(name)
    assert not any(is_defined(method, network) for method in ("full_grad", "guided_backprop", "deconvnet"))
