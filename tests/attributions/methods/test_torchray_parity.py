"""TorchRay as the oracle: the same maps on the same networks, called directly."""

import copy
import functools
import warnings

import pytest
import torch
import torchvision
from torch import nn

from raybench.attributions import ATTRIBUTIONS
from raybench.base.errors import RaybenchError

pytest.importorskip("torchray", reason="TorchRay is not installed", exc_type=ImportError)

METHODS = ("grad_cam", "gradient", "excitation_backprop", "contrastive_excitation_backprop")


@functools.cache
def torchray():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import torchray.attribution.excitation_backprop as excitation
        from torchray.attribution.grad_cam import grad_cam
        from torchray.attribution.gradient import gradient
    return excitation, grad_cam, gradient


def reference(method, network, queries):
    """Maps of TorchRay for each query on a copy of the network, patched where it is a ResNet."""
    excitation, grad_cam, gradient = torchray()
    module = copy.deepcopy(network.module)
    for part in module.modules():
        if isinstance(part, nn.ReLU):
            part.inplace = False
    if isinstance(module, torchvision.models.ResNet):
        excitation.update_resnet(module)
    call = {
        "grad_cam": functools.partial(grad_cam, saliency_layer=network.target_layer),
        "gradient": gradient,
        "excitation_backprop": functools.partial(
            excitation.excitation_backprop, saliency_layer=network.excitation_layer
        ),
        "contrastive_excitation_backprop": functools.partial(
            excitation.contrastive_excitation_backprop,
            saliency_layer=network.excitation_layer,
            contrast_layer=network.contrast_layer,
        ),
    }[method]
    images, image_index, class_index = queries
    maps = [
        call(module, images[image : image + 1].clone(), target).detach()[:, 0]
        for image, target in zip(image_index.tolist(), class_index.tolist(), strict=True)
    ]
    return torch.cat(maps).clamp(min=0)


def assert_equal_maps(ours, theirs, tolerance):
    assert ours.shape == theirs.shape
    peaks = theirs.amax(dim=(1, 2))
    assert (peaks > 0).any()
    assert ((ours - theirs).abs().amax(dim=(1, 2)) <= tolerance * peaks).all()


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "vgg16", "alexnet", "squeezenet1_1"])
@pytest.mark.parametrize("method", METHODS)
def test_maps_on_random_weights_are_torchrays(method, name, random_network, queries):
    network = random_network(name)
    ours = ATTRIBUTIONS.get(method).function(network, *queries)
    assert_equal_maps(ours, reference(method, network, queries), 1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_maps_on_densenet_are_torchrays(method, random_network, queries):
    network = random_network("densenet121")
    network = type(network)(
        network.module, "features.denseblock4", "features.transition3", "features.denseblock4"
    )
    ours = ATTRIBUTIONS.get(method).function(network, *queries)
    assert_equal_maps(ours, reference(method, network, queries), 1e-4)


@pytest.fixture(
    scope="module", params=["resnet18_killthebits_small_blocks", "resnet50_killthebits_large_blocks"]
)
def trained(request, real_data):
    name = request.param
    state = torch.load(real_data / "weights" / f"{name}.pth", weights_only=True)
    module = torchvision.models.get_model(name.partition("_")[0], weights=None)
    module.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    return module.eval().requires_grad_(False)


@pytest.mark.parametrize("method", METHODS)
def test_maps_on_trained_weights_are_torchrays(method, trained, random_network, queries):
    network = type(random_network("resnet18"))(trained, "layer4", "layer3", "avgpool")
    best = trained(queries.images).argmax(dim=1)
    queries = queries._replace(image_index=torch.tensor([0, 1, 0]), class_index=torch.tensor([*best, 65]))
    ours = ATTRIBUTIONS.get(method).function(network, *queries)
    assert_equal_maps(ours, reference(method, network, queries), 1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_float64_maps_agree_to_double_precision(method, random_network, queries):
    network = random_network("resnet18")
    network = type(network)(copy.deepcopy(network.module).double(), "layer4", "layer3", "avgpool")
    queries = queries._replace(images=queries.images.double())
    ours = ATTRIBUTIONS.get(method).function(network, *queries)
    assert ours.dtype == torch.float32
    assert_equal_maps(ours, reference(method, network, queries).float(), 1e-7)


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1"])
@pytest.mark.parametrize("method", METHODS)
def test_registered_reference_is_torchray_itself(method, name, random_network, queries):
    network = random_network(name)
    registered = ATTRIBUTIONS.get(f"torchray.{method}")
    assert torch.equal(registered.function(network, *queries), reference(method, network, queries))
    assert registered.smoothed == ATTRIBUTIONS.get(method).smoothed


@pytest.mark.parametrize("wrong", [-1, 1000])
@pytest.mark.parametrize("method", METHODS)
def test_class_that_the_network_does_not_have_is_refused_as_by_our_own_methods(
    method, wrong, random_network, queries
):
    queries = queries._replace(class_index=torch.tensor([3, wrong, 5]))
    for name in (method, f"torchray.{method}"):
        with pytest.raises(RaybenchError, match=f"^class_index {wrong} is out of range; expected 0 to 999$"):
            ATTRIBUTIONS.get(name).function(random_network("resnet18"), *queries)


def test_what_torchray_cannot_do_is_one_sentence(random_network, queries):
    network = random_network("densenet121")
    network = type(network)(network.module, "features")  # a ReLU in place, by a function, follows
    message = "^attribution 'torchray.grad_cam' cannot run on DenseNet: [^\\n]+$"
    with pytest.raises(RaybenchError, match=message):
        ATTRIBUTIONS.get("torchray.grad_cam").function(network, *queries)
    assert ATTRIBUTIONS.get("grad_cam").function(network, *queries).shape[0] == 3
