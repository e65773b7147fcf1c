"""Real checkpoints on real pictures."""

import json
from pathlib import Path

import pytest
import torch
from defusedxml import ElementTree
from PIL import Image
from torchvision.transforms import v2

from raybench.checkpoints import Network, load_network


@pytest.fixture(scope="module")
def imagenet(real_data):
    """Pixels (23, 3, 224, 224) uint8, resized to 256 and cropped, and the synset of each picture."""
    paths = sorted((real_data / "imagenet" / "val").glob("*.JPEG"))
    prepare = v2.Compose([v2.Resize(256), v2.CenterCrop(224), v2.PILToTensor()])
    pixels = torch.stack([prepare(Image.open(path).convert("RGB")) for path in paths])
    synsets = [ElementTree.parse(path.with_suffix(".xml")).findtext("object/name") for path in paths]
    return pixels, synsets


def load(name: str, real_data: Path) -> Network:
    return load_network(name, data={"weights": real_data / "weights"})


@pytest.mark.parametrize(
    ("name", "correct"),
    # of 23; their makers report 65.8, 68.2 and 57.5 % of 50,000: 15, 16 and 13. Chance is 0.
    [("killthebits-resnet18", 15), ("killthebits-resnet50", 16), ("deepcompression-squeezenet1_0", 13)],
)
def test_checkpoint_recognises_at_least_as_many_pictures_as_reported(real_data, imagenet, name, correct):
    network = load(name, real_data)
    pixels, synsets = imagenet
    with torch.no_grad():
        best = network.module(network.normalise(pixels)).argmax(dim=1)
    assert (
        sum(network.classes.ids[index] == synset for index, synset in zip(best, synsets, strict=True))
        >= correct
    )


def test_max_pooling_changes_logits_but_shares_weights(real_data, imagenet):
    average, maximum = (
        load("killthebits-resnet18", real_data),
        load("killthebits-resnet18-maxpool", real_data),
    )
    assert average.weights_sha256 == maximum.weights_sha256
    images = average.normalise(imagenet[0][:2])
    features = {}
    average.module.layer4.register_forward_hook(lambda *call: features.update(value=call[2]))
    with torch.no_grad():
        average.module(images)
        expected = average.module.fc(features["value"].amax(dim=(2, 3)))
        torch.testing.assert_close(maximum.module(images), expected)


@pytest.mark.parametrize("depth", [18, 50])
def test_coco_head_names_an_object_of_the_picture(real_data, depth):
    network = load(f"killthebits-resnet{depth}-coco", real_data)
    trunk = load(f"killthebits-resnet{depth}", real_data)
    assert torch.equal(network.module.conv1.weight, trunk.module.conv1.weight)
    annotations = json.loads((real_data / "coco" / "annotations" / "instances_val2014.json").read_text())
    names = {category["id"]: category["name"] for category in annotations["categories"]}
    present: dict[int, set[str]] = {}
    for annotation in annotations["annotations"]:
        present.setdefault(annotation["image_id"], set()).add(names[annotation["category_id"]])
    zero = (network.module.fc.weight == 0).all(dim=1)
    assert zero.sum() == 18, "the classes that ImageNet lacks"
    known = {network.classes.ids[index] for index in torch.nonzero(~zero).flatten()}
    images = [image for image in annotations["images"] if present.get(image["id"], set()) & known][:24]
    prepare = v2.Compose([v2.Resize((224, 224)), v2.PILToTensor()])
    folder = real_data / "coco" / "val2014"
    pixels = torch.stack([prepare(Image.open(folder / i["file_name"]).convert("RGB")) for i in images])
    with torch.no_grad():
        best = network.module(network.normalise(pixels)).argmax(dim=1)
    hit = torch.tensor(
        [[network.classes.ids[index] in present[image["id"]] for image in images] for index in best]
    )
    # The mean over all pairs of a prediction and a picture is what predictions that ignore the picture score.
    assert hit.diagonal().float().mean() > 3 * hit.float().mean()
