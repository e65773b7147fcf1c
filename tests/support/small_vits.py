"""Small vision transformers with seeded weights, in float64; 10 classes."""

import timm
import torch
import torchvision


def seeded(build):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = build().double().eval().requires_grad_(False)
        for parameter in module.parameters():  # attention far from uniform, and no head of zeros
            if parameter.ndim == 2:
                parameter.normal_(std=0.3)
    return module


def torchvision_vit():
    return seeded(
        lambda: torchvision.models.VisionTransformer(
            image_size=64, patch_size=16, num_layers=3, num_heads=4, hidden_dim=32, mlp_dim=48, num_classes=10
        )
    )


def timm_vit(name="vit_tiny_patch16_224", **options):
    options = {"img_size": (64, 48), "depth": 3, "embed_dim": 32, "num_heads": 4, "num_classes": 10} | options
    return seeded(lambda: timm.create_model(name, **options))
