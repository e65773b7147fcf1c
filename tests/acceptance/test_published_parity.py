"""Parity with the published evaluation, on real pictures and real weights, query by query.

The figures are those that the published code itself gives on these 23 pictures (short side 448, element-wise
Grad-CAM). The slow reference below reads files, network and boxes without any of raybench's code.
"""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import PIL.Image
import pytest
import scipy.ndimage
import torch
import torch.nn.functional as F
import torchvision
from torchvision import transforms

from raybench.benchmark.running.run import evaluate
from raybench.benchmark.suite.settings import Settings
from raybench.benchmark.suite.suite import Suite

DATA = os.environ.get("RAYBENCH_DATA")
pytestmark = pytest.mark.skipif(DATA is None, reason="RAYBENCH_DATA is not set")
LOCALISATION = ["pointing_game", "stochastic_pointing_game", "content_heatmap"]


def suite(checkpoint: str) -> Suite:
    return Suite.model_validate(
        {
            "name": "parity",
            "protocol": "aaai21",
            "dataset": "imagenet",
            "checkpoints": [checkpoint],
            "attributions": ["grad_cam_elementwise"],
            "metrics": LOCALISATION,
        },
        strict=False,
    )


@pytest.mark.parametrize(
    ("checkpoint", "spg", "ch"),
    [
        ("killthebits-resnet18", 68.83, 61.85),
        ("killthebits-resnet50", 66.96, 60.47),
        ("killthebits-resnet18-maxpool", 77.96, 73.45),
    ],
)
def test_values_are_those_of_the_published_code(
    checkpoint: str, spg: float, ch: float, tmp_path: Path
) -> None:
    summary = evaluate(suite(checkpoint), Settings(out=tmp_path)).summary
    values = summary.set_index(["metric", "aggregate"])["value"]
    assert values["pointing_game", "class_mean"] == pytest.approx(86.96, abs=0.005)
    # the published figure is one draw of 100 pixels per picture, ours its expectation
    assert values["stochastic_pointing_game", "query_mean"] == pytest.approx(spg, abs=1.5)
    assert values["content_heatmap", "query_mean"] == pytest.approx(ch, abs=0.05)


def test_every_query_agrees_with_a_slow_reference(tmp_path: Path) -> None:
    root = Path(str(DATA))
    records = evaluate(suite("killthebits-resnet18"), Settings(out=tmp_path)).records(
        "killthebits-resnet18", "grad_cam_elementwise"
    )
    synsets = [line.split()[0] for line in (root / "imagenet/synset_words.txt").read_text().splitlines()]
    network = torchvision.models.resnet18()
    weights = torch.load(root / "weights/resnet18_killthebits_small_blocks.pth", weights_only=True)
    network.load_state_dict({key: w.float() if w.is_floating_point() else w for key, w in weights.items()})
    network.eval()
    pictures = sorted((root / "imagenet/val").glob("*.JPEG"))
    assert list(records["image_id"]) == [picture.stem for picture in pictures]
    for row, picture in zip(records.itertuples(), pictures, strict=True):
        class_index, point, values = reference(network, picture, synsets)
        assert row.class_index == class_index
        assert (row.point_x, row.point_y) == point
        measured = [getattr(row, metric) for metric in LOCALISATION]
        assert measured == pytest.approx(values, abs=1e-4)


def reference(
    network: torch.nn.Module, picture: Path, synsets: list[str]
) -> tuple[int, tuple[int, int], list[float]]:
    """Class, point and the three values of one picture, by the formulas."""
    prepare = transforms.Compose(
        [
            transforms.Resize(448),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    tree = ElementTree.parse(picture.with_suffix(".xml"))
    width, height = int(tree.findtext("size/width")), int(tree.findtext("size/height"))
    first = tree.findtext("object/name")
    mask = np.zeros((height, width), dtype=bool)
    for thing in tree.iter("object"):
        if thing.findtext("name") == first:
            corners = ("xmin", "ymin", "xmax", "ymax")
            x0, y0, x1, y1 = (int(thing.findtext(f"bndbox/{corner}")) - 1 for corner in corners)
            mask[y0 : y1 + 1, x0 : x1 + 1] = True  # a box that starts at 0 selects nothing, as published
    features = []
    handle = network.layer4.register_forward_hook(lambda module, inputs, output: features.append(output))
    with PIL.Image.open(picture) as image:
        logits = network(prepare(image.convert("RGB"))[None])
    handle.remove()
    class_index = synsets.index(first)
    (gradient,) = torch.autograd.grad(logits[0, class_index], features[0])
    cam = F.relu((gradient * features[0].detach()).sum(1, keepdim=True))
    cam = cam / (cam.sum() + 1e-8) + 1e-8
    resized = F.interpolate(cam, (height, width), mode="bilinear", align_corners=False)[0, 0].double().numpy()
    resized /= resized.sum()
    y, x = np.unravel_index(resized.argmax(), resized.shape)
    distance = scipy.ndimage.distance_transform_edt(~mask) if mask.any() else np.full(mask.shape, np.inf)
    near = distance < 15
    return (
        class_index,
        (int(x), int(y)),
        [100.0 * near[y, x], 100 * resized[near].sum(), 100 * resized[mask].sum()],
    )
