"""One small network per family, the size of picture that it takes, and the layer that its users are told."""

import timm
import torchvision


def swin_of_torchvision():
    return torchvision.models.SwinTransformer(
        [4, 4], 16, depths=[1, 1], num_heads=[2, 2], window_size=[4, 4], num_classes=10
    )


def small(name, **options):
    return lambda: timm.create_model(name, num_classes=10, **options)


NETWORKS = {
    "resnet": (lambda: torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1]), None),
    "squeezenet": (torchvision.models.squeezenet1_1, None),
    "mnasnet": (lambda: torchvision.models.mnasnet0_5(), None),
    "swin of torchvision": (swin_of_torchvision, (64, 64)),
    "swin of timm": (
        small(
            "swin_tiny_patch4_window7_224",
            img_size=64,
            window_size=4,
            embed_dim=16,
            depths=(1, 1),
            num_heads=(2, 2),
        ),
        (64, 64),
    ),
    "mixer": (
        lambda: timm.models.MlpMixer(10, img_size=64, patch_size=8, num_blocks=2, embed_dim=24),
        (64, 64),
    ),
    "cait": (small("cait_xxs24_224", img_size=64, depth=2, embed_dim=32, num_heads=2), (64, 64)),
    "convnext": (small("convnext_atto", depths=(1, 1, 1, 1), dims=(8, 16, 24, 32)), (96, 96)),
    "focalnet": (lambda: timm.models.FocalNet(num_classes=10, embed_dim=16, depths=(1, 1, 1, 1)), (96, 96)),
    "edgenext": (small("edgenext_xx_small", dims=(8, 16, 24, 32)), (96, 96)),
}
EXPECTED = {
    "resnet": ("layer4", "channels_first", 0),
    "squeezenet": ("features", "channels_first", 0),
    "mnasnet": ("layers", "channels_first", 0),
    "swin of torchvision": ("permute", "channels_first", 0),
    "swin of timm": ("norm", "channels_last", 0),
    "mixer": ("norm", "tokens", 0),
    "cait": ("blocks_token_only.1.norm1", "tokens", 1),
    "convnext": ("stages", "channels_first", 0),
    "focalnet": ("norm", "channels_first", 0),
    "edgenext": ("stages", "channels_first", 0),
}
