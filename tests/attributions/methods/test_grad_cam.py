"""Grad-CAM on networks whose maps can be computed by hand."""

import torch
from torch import nn

from raybench.attributions.methods.activation.cam import grad_cam, grad_cam_elementwise

IMAGE = torch.tensor([[[[1.0, 2], [3, 4]], [[4, 3], [2, 1]], [[9, 9], [9, 9]]]])
ZERO, ONE = torch.tensor([0]), torch.tensor([1])


def test_grad_cam_weights_channels_by_their_mean_gradient(by_hand):
    # mean gradients of class 0: (1+2+3+2)/4 = 2 and (0-4+0+0)/4 = -1, so 2 * red - green, clamped
    expected = torch.tensor([[[0.0, 1], [4, 7]]])  # 2-4 = -2 clamps to 0, 4-3, 6-2, 8-1
    assert torch.equal(grad_cam(by_hand, IMAGE, ZERO, ZERO), expected)


def test_elementwise_grad_cam_weights_each_activation_by_its_own_gradient(by_hand):
    # class 0: red [[1,2],[3,4]] * [[1,2],[3,2]] + green [[4,3],[2,1]] * [[0,-4],[0,0]]
    expected = torch.tensor([[[1.0, 0], [9, 8]]])  # 4 - 12 clamps to 0
    assert torch.equal(grad_cam_elementwise(by_hand, IMAGE, ZERO, ZERO), expected)


def test_a_class_without_positive_evidence_has_a_zero_map(by_hand):
    assert torch.equal(grad_cam(by_hand, IMAGE, ZERO, ONE), torch.zeros(1, 2, 2))


def test_both_forms_agree_up_to_a_factor_where_average_pooling_and_a_linear_layer_follow(
    random_network, queries
):
    network = random_network("resnet18")
    plain, elementwise = grad_cam(network, *queries), grad_cam_elementwise(network, *queries)
    assert plain.max() > 0
    torch.testing.assert_close(plain, elementwise, rtol=1e-4, atol=1e-6 * float(plain.max()))


def test_both_forms_differ_where_a_fully_connected_layer_follows(random_network, queries):
    network = random_network("alexnet")
    plain, elementwise = grad_cam(network, *queries), grad_cam_elementwise(network, *queries)
    assert (plain / plain.sum() - elementwise / elementwise.sum()).abs().max() > 1e-3


def test_global_max_pooling_puts_all_elementwise_saliency_on_the_channels_maxima(random_network, queries):
    network = random_network("resnet18")
    network = type(network)(nn.Sequential(*network.module.children()), "7")
    network.module[8] = nn.AdaptiveMaxPool2d(1)
    network.module.insert(9, nn.Flatten())
    features = network.module[:8](queries.images[1:])
    classifier = network.module[10].weight
    expected = torch.zeros(features.shape[2:]).flatten()
    for channel, channel_map in enumerate(features[0].flatten(1)):
        expected[channel_map.argmax()] += classifier[3, channel] * channel_map.max()
    maps = grad_cam_elementwise(network, queries.images, torch.tensor([1]), torch.tensor([3]))
    torch.testing.assert_close(maps.flatten(), expected.clamp(min=0), rtol=1e-4, atol=1e-4)


def test_option_layer_reads_elsewhere(random_network, queries):
    network = random_network("resnet18")
    assert grad_cam(network, *queries, layer="layer3").shape == (3, 6, 8)
    assert grad_cam(network, *queries).shape == (3, 3, 4)
