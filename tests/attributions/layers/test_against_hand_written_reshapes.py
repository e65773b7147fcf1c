"""Maps of transformers are those that pytorch-grad-cam makes with a reshape that someone wrote by hand."""

import pytest
import timm
import torch
import torchvision
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from small_vits import seeded, timm_vit, torchvision_vit

from raybench.attributions.methods.activation.cam import grad_cam


class Kept(GradCAM):
    """Keeps the map before it is brought to 0 to 1."""

    def get_cam_image(self, *args, **kwargs):
        self.kept = super().get_cam_image(*args, **kwargs)
        return self.kept


def behind(prefix, height, width):
    return lambda found: found[:, prefix:].unflatten(1, (height, width)).permute(0, 3, 1, 2)


def channels_last(found):
    return found.permute(0, 3, 1, 2)


def timm_swin():
    return seeded(
        lambda: timm.models.SwinTransformer(
            64, window_size=4, embed_dim=16, depths=(1, 1), num_heads=(2, 2), num_classes=10
        )
    )


def torchvision_swin():
    return seeded(
        lambda: torchvision.models.SwinTransformer(
            [4, 4], 16, depths=[1, 1], num_heads=[2, 2], window_size=[4, 4], num_classes=10
        )
    )


@pytest.mark.parametrize(
    ("build", "size", "layer", "reshape"),
    [
        (timm_vit, (64, 48), "blocks.2.norm1", behind(1, 4, 3)),
        (lambda: timm_vit("deit_tiny_distilled_patch16_224"), (64, 48), "blocks.2.norm1", behind(2, 4, 3)),
        (timm_swin, (64, 64), "norm", channels_last),
        (torchvision_vit, (64, 64), "encoder.layers.encoder_layer_2.ln_1", behind(1, 4, 4)),
        (torchvision_swin, (64, 64), "norm", channels_last),
    ],
    ids=["timm ViT", "DeiT distilled", "timm Swin", "torchvision ViT", "torchvision Swin"],
)
def test_grad_cam_is_theirs(build, size, layer, reshape, loaded):
    module = build()
    images = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ours = grad_cam(loaded(module, layer), images, torch.tensor([0]), torch.tensor([3]))[0]
    with Kept(module, [module.get_submodule(layer)], reshape_transform=reshape) as theirs:
        theirs(images.clone().requires_grad_(), [ClassifierOutputTarget(3)])
    expected = torch.as_tensor(theirs.kept)[0].clamp(min=0).float()
    assert float((ours - expected).abs().max() / expected.max()) < 1e-5
