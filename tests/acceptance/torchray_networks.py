"""Compares the networks of TorchRay's table, on weight files made here, with TorchRay's own.

    python tests/acceptance/torchray_networks.py VOC_FOLDER [--pictures 10] [--architecture vgg16]

TorchRay loads the file, transforms the picture, makes the map at the picture's size, and judges the point;
raybench does the same by card and protocol. Both compute in float64. RISE, on squeezed pictures and under
the same masks, and the scores of whole pictures that extremal perturbations ask for, are compared too. It
exits with 1 if a map is more than 1e-5 of its peak away, or a point differs where TorchRay's map has no tie.

Noise that no eye sees is laid over the transformed pictures of both: in a flat area neighbouring windows give
a max pooling of VGG16 exactly equal numbers, and which of them takes the gradient is up to the last digit of
a convolution, which depends on memory layout and threads. Without it the gradient of a picture with a white
sky is 1e-3 of its peak apart (`--noise 0`). Half an hour for 10 pictures.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any
from unittest import mock

import PIL.Image
import torch
from torch import Tensor, nn
from torchray.attribution import excitation_backprop as excitation
from torchray.attribution.common import get_pointing_gradient
from torchray.attribution.grad_cam import grad_cam
from torchray.attribution.gradient import gradient
from torchray.attribution.rise import rise
from torchray.benchmark import models as theirs
from torchray.utils import imsmooth
from torchvision import models

from raybench.attributions import bind
from raybench.attributions.methods.perturbation.rise import random_masks
from raybench.base import Size
from raybench.benchmark.datasets import Sample, open_dataset
from raybench.benchmark.measuring.maps import prepare_saliency, status_of
from raybench.benchmark.measuring.single import pictured
from raybench.benchmark.suite import PROTOCOLS, protocol_from
from raybench.checkpoints import Network, find_card, load_network

RULES = PROTOCOLS["iccv19"]
SQUEEZED = protocol_from("iccv19", {"fit": "square"})
MASKS, SEED = 40, 5
METHODS = ("gradient", "grad_cam", "excitation_backprop", "contrastive_excitation_backprop")
TIE = 1e-9  # of the peak
LAYERS = {
    "vgg16": {"grad_cam": "features.29", "ebp": "features.23", "contrast": "classifier.4"},
    "resnet50": {"grad_cam": "layer4", "ebp": "layer3", "contrast": "avgpool"},
}


def published_file(architecture: str) -> dict[str, Tensor]:
    """Draw a file as TorchRay publishes it, of 20 classes, whose scores differ from window to window."""
    drawn = torch.Generator().manual_seed(3)
    plain = getattr(models, architecture)(weights=None, num_classes=20)
    if architecture == "resnet50":
        plain.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3)
    names, tensors = {"classifier.3": "classifier.2", "classifier.6": "classifier.4"}, {}
    for key, tensor in plain.state_dict().items():
        if key.endswith("num_batches_tracked"):
            continue
        layer, _, name = key.rpartition(".")
        normalises = architecture == "resnet50" and (
            "bn" in layer.rpartition(".")[2] or layer.endswith("downsample.1")
        )
        inner = "" if not normalises else "0." if name.startswith("running") else "1."
        value = torch.randn(tensor.shape, generator=drawn)
        gain = 1 if architecture == "resnet50" else 2  # so that scores stay within an exponential's reach
        value = value * (gain / tensor[0].numel()) ** 0.5 if tensor.ndim > 1 else 0.1 * value
        if normalises and name in ("weight", "running_var"):
            value = 1 + 0.2 * value.abs()
        tensors[f"{names.get(layer, layer)}.{inner}{name}"] = value
    last = "fc.weight" if architecture == "resnet50" else "classifier.4.weight"
    tensors[last] *= 0.05
    return tensors


def load_all(architecture: str, folder: Path) -> tuple[nn.Module, Network, Network]:
    """Load one file by TorchRay's loader, by the card, and by the card of extremal perturbations."""
    path = folder / f"{architecture}.pth"
    torch.save(published_file(architecture), path)
    build = getattr(models, architecture)
    with (
        mock.patch.object(torch.hub, "load_state_dict_from_url", return_value=torch.load(path)),
        mock.patch.object(models, architecture, return_value=build(weights=None)),
    ):
        their = theirs.get_model(architecture, "voc", convert_to_fully_convolutional=True)
    if architecture == "resnet50":
        their.avgpool = nn.AvgPool2d(7, stride=1)
        excitation.update_resnet(their)
    networks = []
    for name in (f"torchray-{architecture}-voc", f"torchray-{architecture}-voc-global"):
        card = find_card(name)
        changed = card.model_dump(exclude_unset=True) | {"weights": ({"path": str(path)},)}
        networks.append(load_network(type(card).model_validate(changed)))
        networks[-1].module.double()
    return their.double().eval(), networks[0], networks[1]


def compare_whole(
    their: nn.Module, network: Network, whole: Network, picture: PIL.Image.Image, sample: Sample
) -> tuple[float, int]:
    """Return how far RISE and the scores of the whole picture are apart, and how many points differ."""
    squeezed = theirs.get_transform("voc", size=(RULES.short_side,) * 2)(picture)[None].double()
    kept = theirs.get_transform("voc", size=RULES.short_side)(picture)[None].double()
    pixels = pictured(network, picture, "whole", SQUEEZED).double()
    masks = random_masks(SEED, range(MASKS), tuple(pixels.shape[2:]), 7, 0.5)
    size, windows = (sample.size.width, sample.size.height), getattr(their, "avgpool", None)
    if windows is not None:
        their.avgpool = nn.AdaptiveAvgPool2d(1)  # TorchRay changes it for other methods alone
    with torch.no_grad():
        expected = rise(their, squeezed, num_masks=MASKS, filter_masks=masks.double(), resize=size)[0]
        scores, ours = their(kept).flatten(2).mean(dim=2), whole.module(kept)
    if windows is not None:
        their.avgpool = windows
    apart, points = float((ours - scores).abs().max() / scores.abs().max()), 0
    zero = torch.zeros(1, dtype=torch.int64)
    for query in sample.queries[:2]:
        raw = bind("rise", {"masks": MASKS})(network, pixels, zero, zero + query.class_index, seeds=[SEED])
        found = prepare_saliency(raw, status_of(raw), sample.size, SQUEEZED, smoothed=False)[0].double()
        other = expected[query.class_index]
        apart = max(apart, float((found / found.max() - other / other.max()).abs().max()))
        points += bool(found.argmax() != other.argmax())
    return apart, points


def their_map(
    method: str, their: nn.Module, layers: dict[str, str], x: Tensor, index: int, size: Size
) -> Tensor:
    """Make TorchRay's map (H, W), at the size of the picture."""
    shared: dict[str, Any] = {
        "resize": (size.width, size.height),
        "get_backward_gradient": get_pointing_gradient,
    }
    if method == "gradient":
        rough = gradient(their, x.clone(), index, **shared).detach().float()  # it smooths in float32 alone
        sigma = RULES.smoothing * max(size)
        return imsmooth(rough, sigma=sigma, padding_mode="replicate")[0, 0].double()
    if method == "grad_cam":
        return grad_cam(their, x, index, saliency_layer=layers["grad_cam"], **shared).detach()[0, 0]
    if method == "excitation_backprop":
        return excitation.excitation_backprop(
            their, x, index, saliency_layer=layers["ebp"], **shared
        ).detach()[0, 0]
    return excitation.contrastive_excitation_backprop(
        their, x, index, saliency_layer=layers["ebp"], contrast_layer=layers["contrast"], **shared
    ).detach()[0, 0]


def our_map(method: str, network: Network, pixels: Tensor, index: int, size: Size) -> Tensor:
    """Make raybench's map (H, W)."""
    bound, zero = bind(method, {}), torch.zeros(1, dtype=torch.int64)
    raw = bound(network, pixels, zero, zero + index)
    return prepare_saliency(raw, status_of(raw), size, RULES, smoothed=bound.attribution.smoothed)[0]


def compare_centre(folder: Path) -> tuple[int, int]:
    """Count queries, and those in which the row `center` differs from TorchRay's class."""
    import torchray.benchmark.pointing_game as game
    from torchvision import datasets

    from raybench.attributions import ATTRIBUTIONS
    from raybench.benchmark.measuring.scoring import near_the_middle

    dataset = open_dataset("voc", {"voc": folder}, RULES, {})
    judge = game.PointingGameBenchmark(mock.Mock(spec=datasets.VOCDetection), tolerance=15)
    count = wrong = 0
    for index in range(len(dataset.image_ids)):
        sample = dataset[index]
        xml = next(folder.rglob(f"Annotations/{sample.image_id}.xml"))
        label = datasets.VOCDetection.parse_voc_xml(ElementTree.parse(xml).getroot())
        height, width = sample.size
        for one in label["annotation"]["object"]:  # TorchRay reads whole numbers, VOC2012 has some fractions
            one["bndbox"] = {key: str(math.floor(float(at) + 0.5)) for key, at in one["bndbox"].items()}
        asked = {query.class_index: query for query in sample.queries}
        for name in {one["name"] for one in label["annotation"]["object"]}:
            number = theirs_classes().index(name)
            found = judge.evaluate(label, number, (width / 2, height / 2))
            count += 1
            if number not in asked or found == 0:
                wrong += (number in asked) != (found != 0)
                continue
            mask = torch.from_numpy(asked[number].region.mask())[None]
            near = torch.from_numpy(asked[number].region.near(RULES.tolerance_px))[None]
            point = ATTRIBUTIONS.get("center").function(mask, [0])[0].flatten().argmax()
            wrong += bool(near_the_middle(mask, near, RULES.tolerance_px).flatten()[point]) != (found == 1)
    return count, wrong


def theirs_classes() -> list[str]:
    """TorchRay's names of VOC's classes, in its order."""
    from torchray.benchmark.datasets import VOC_CLASSES

    return list(VOC_CLASSES)


def main() -> int:
    """Compare, print, and say whether all agrees."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=10)
    parser.add_argument("--architecture", nargs="*", default=list(LAYERS))
    parser.add_argument("--noise", type=float, default=1e-3, help="of a standardised pixel")
    given = parser.parse_args()
    bad = 0
    count, wrong = compare_centre(given.folder)
    print(f"centre: {count} queries, {wrong} judged otherwise than by TorchRay's class")
    bad += wrong
    dataset = open_dataset("voc", {"voc": given.folder}, RULES, {})
    transform = theirs.get_transform("voc", size=RULES.short_side)
    for architecture in given.architecture:
        with tempfile.TemporaryDirectory() as made:
            their, network, whole = load_all(architecture, Path(made))
        worst: dict[str, list[float]] = {}
        for place in range(min(given.pictures, len(dataset.image_ids))):
            sample = dataset[place]
            with PIL.Image.open(dataset.path_of(place)) as file:
                picture = file.convert("RGB")
            apart, others = compare_whole(their, network, whole, picture, sample)
            print(f"{architecture} RISE and whole scores: at most {apart:.1e} apart, {others} points differ")
            bad += apart > 1e-5 or others > 0
            x = transform(picture)[None].double()
            drawn = torch.Generator().manual_seed(place)
            noise = given.noise * torch.randn(x.shape, generator=drawn, dtype=torch.float64)
            x, pixels = x + noise, pictured(network, picture, "whole", RULES).double() + noise
            for query in sample.queries[:2]:
                asked = query.class_index, sample.size
                for method in METHODS:
                    expected = their_map(method, their, LAYERS[architecture], x, *asked).clamp(min=0)
                    found = our_map(method, network, pixels, *asked).double()
                    ours, scaled = found / found.max(), expected / expected.max()
                    same = ours.argmax() == scaled.argmax()
                    tied = scaled.flatten()[ours.argmax()] >= 1 - TIE
                    counts = worst.setdefault(method, [0.0, 0, 0, 0])
                    apart = float((ours - scaled).abs().max())
                    counts[0] = math.inf if math.isnan(apart) else max(counts[0], apart)
                    counts[1] += 1
                    counts[2] += not same and bool(tied)
                    counts[3] += not same and not bool(tied)
        for method, (apart, maps, ties, others) in worst.items():
            print(
                f"{architecture} {method}: {maps} maps, at most {apart:.1e} of the peak apart; points: "
                f"{ties} ties taken otherwise, {others} differ"
            )
            bad += apart > 1e-5 or others > 0
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
