"""Cards: what may stand in one, and every card that ships."""

import functools
import re
from importlib.resources import files
from pathlib import Path

import pytest
import torch

from raybench.base.errors import RaybenchError, UnknownNameError
from raybench.checkpoints import (
    Card,
    build_module,
    card_files,
    find_card,
    load_classes,
    read_card,
    shipped_cards,
)

SHIPPED = shipped_cards()
every_card = pytest.mark.parametrize("card", SHIPPED, ids=[card.name for card in SHIPPED])


@functools.cache
def module_of(architecture: str, pooling: str, num_classes: int) -> torch.nn.Module:
    return build_module(architecture, num_classes=num_classes, pooling=pooling).eval()


def test_the_promised_checkpoints_ship():
    promised = {"alexnet", "vgg16", "resnet18", "resnet50", "alexnet-baseline", "alexnet-gc"}
    promised |= {
        f"resnet{depth}-{training}" for depth in (18, 50) for training in ("baseline", "gc", "gmp", "gmp-gc")
    }
    promised |= {"coco-resnet18-gmp", "coco-resnet18-gmp-gc"}
    assert promised <= set(card_files())


def test_names_are_the_names_of_the_files():
    assert [card.name for card in SHIPPED] == list(card_files())
    folder = Path(str(files("raybench.checkpoints") / "cards"))
    assert list(card_files()) == sorted(path.stem for path in folder.iterdir())


@every_card
def test_card_is_complete(card):
    assert card.source
    assert card.licence
    assert card.weights
    for source in card.weights:
        assert source.sha256 or source.url.startswith("gdrive:"), (
            "only files that nobody hashed may lack a hash"
        )


@every_card
def test_layers_exist_and_any_input_size_gives_a_logit_per_class(card):
    classes = load_classes(card.classes)
    module = module_of(card.architecture, card.pooling, len(classes))
    names = dict(module.named_modules())
    given = {card.target_layer, card.excitation_layer, card.contrast_layer} - {None, "auto"}
    assert given <= set(names)
    shapes = {}
    handles = [
        names[layer].register_forward_hook(lambda *call: shapes.update(target=call[2].shape))
        for layer in given & {card.target_layer}
    ]
    size = card.input.size if card.input.any_size is False else (97, 131)
    if "caffe" in card.architecture:
        size = (224, 230)  # TorchRay's score windows of 224 pixels
    with torch.no_grad():
        logits = module(torch.zeros(1, 3, *size))
    for handle in handles:
        handle.remove()
    assert logits.shape == (1, len(classes))
    assert len(shapes.get("target", size)) in (4, 3, len(size)), "the target layer has a map, or tokens"


@every_card
def test_gmp_cards_and_only_they_pool_by_maximum(card):
    if card.training != "quantised":
        assert (card.pooling == "max") == card.training.startswith("gmp")


@every_card
def test_architecture_and_training_stand_in_the_name_as_published(card):
    match = re.fullmatch(r"(?:coco-)?(alexnet|resnet18|resnet50)-(baseline|gc|gmp|gmp-gc)", card.name)
    if match:
        assert (card.architecture, card.training) == (match[1], match[2].replace("-", "_"))


@pytest.mark.parametrize(
    ("name", "accuracy"),
    # the README table of the AAAI-21 code
    [
        ("alexnet-baseline", 56.51),
        ("alexnet-gc", 56.16),
        ("resnet18-baseline", 69.43),
        ("resnet18-gc", 67.74),
        ("resnet18-gmp", 69.08),
        ("resnet18-gmp-gc", 69.02),
        ("resnet50-baseline", 76.13),
        ("resnet50-gc", 74.40),
        ("resnet50-gmp", 74.63),
        ("resnet50-gmp-gc", 74.14),
    ],
)
def test_reported_accuracy_is_the_published_one(name, accuracy):
    assert find_card(name).reported == {"top1_accuracy": accuracy}


@pytest.mark.parametrize("name", ["alexnet", "vgg16", "resnet18", "resnet50"])
def test_torchvision_cards_agree_with_torchvisions_records(name):
    from torchvision.models import get_weight

    card = find_card(name)
    weights = get_weight(card.weights[0].url.removeprefix("torchvision:"))
    assert card.reported == {
        "top1_accuracy": weights.meta["_metrics"]["ImageNet-1K"]["acc@1"],
        "top5_accuracy": weights.meta["_metrics"]["ImageNet-1K"]["acc@5"],
    }
    # torch.hub's files carry the first digits of their SHA-256
    assert re.search(r"-([0-9a-f]{8})\.pth$", weights.url)[1] == card.weights[0].sha256


@pytest.mark.parametrize("name", ["alexnet-baseline", "resnet50-baseline"])
def test_hash_of_a_torch_hub_address_is_the_one_in_its_name(name):
    (source,) = find_card(name).weights
    assert re.search(r"-([0-9a-f]{8})\.pth$", source.url)[1] == source.sha256


def test_unknown_checkpoint_names_the_nearest():
    with pytest.raises(
        UnknownNameError, match=r"^unknown checkpoint 'resnet18-gpm'; did you mean 'resnet18-gmp"
    ):
        find_card("resnet18-gpm")


def test_a_file_of_weights_is_answered_with_how_to_write_its_card(tmp_path):
    path = tmp_path / "lightning.ckpt"
    path.write_bytes(b"weights")
    with pytest.raises(RaybenchError, match=rf"is no card; .*`raybench init FOLDER --checkpoint {path}`"):
        find_card(path)


def test_own_card_is_read_from_its_path(write_card):
    path = write_card()
    assert find_card(path) == find_card(str(path)) == read_card(path)


def test_missing_card_file_is_named(tmp_path):
    with pytest.raises(RaybenchError, match=r"^cannot read .*mine\.yaml: no such file or directory$"):
        find_card(tmp_path / "mine.yaml")


def test_relative_paths_are_resolved_against_the_card(write_card, tmp_path, monkeypatch):
    path = write_card(
        weights=[{"path": "tiny.pth"}, {"path": "data:heads/x.pth"}, {"url": "https://a.org/b"}]
    )
    monkeypatch.chdir(path.parent.parent)
    card = read_card(Path(tmp_path.name) / path.name)
    assert card.classes == str(tmp_path / "three.txt")
    assert [source.path for source in card.weights] == [str(tmp_path / "tiny.pth"), "data:heads/x.pth", None]


def test_one_weight_source_needs_no_list(write_card):
    one = read_card(write_card(weights={"path": "tiny.pth"}))
    assert one == read_card(write_card(weights=[{"path": "tiny.pth"}]))
    assert one == read_card(write_card(weights="tiny.pth"))
    address = "https://a.org/b.pth"
    assert read_card(write_card(weights=address)) == read_card(write_card(weights={"url": address}))


def test_defaults_are_average_pooling_and_imagenet_pixels(write_card):
    card = read_card(write_card())
    assert (card.pooling, card.training) == ("avg", "none")
    assert (card.mean, card.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def test_mean_and_std_are_read_from_lists(write_card):
    card = read_card(write_card(mean=[0, 0.5, 1], std=[1, 1, 0.5]))
    assert (card.mean, card.std) == ((0, 0.5, 1), (1, 1, 0.5))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"poolings": "max"}, "unknown key 'poolings'; did you mean 'pooling'"),
        ({"pooling": "gmp"}, "pooling: input should be 'avg' or 'max', not 'gmp'"),
        (
            {"weights": {"url": "https://a.org/b", "sha": "00"}},
            "unknown key 'weights.sha'; did you mean 'sha256'",
        ),
        ({"weights": {"sha256": "0" * 64}}, "weights: weights need either a url or a path"),
        (
            {"weights": {"url": "https://a.org/b", "path": "c"}},
            "weights: weights need either a url or a path",
        ),
        ({"weights": {"path": "c", "sha256": "xyz"}}, "weights.sha256: string should match pattern"),
        ({"weights": {"path": ""}}, "weights.path: string should have at least 1 character"),
        ({"weights": {"url": "http://a.org/b.pth"}}, "weights.url: expected https://…, gdrive:FILE_ID, "),
        ({"weights": {"url": "file:///etc/passwd"}}, "weights.url: expected https://…"),
        ({"weights": {"url": "gdrive:"}}, "weights.url: expected https://…"),
        ({"weights": {"url": "torchvision:resnet18"}}, "weights.url: expected https://…"),
        ({"weights": 3}, "weights: input should be a valid"),
        ({"mean": [0.5, 0.5]}, "mean: too few values; number 3 is missing"),
        ({"std": [0.5, 0.5, 0]}, "std: every standard deviation must be above 0"),
        ({"mean": [123.675, 116.28, 103.53]}, "mean: pixels are scaled to 0 to 1 before mean and std"),
        ({"std": [58.395, 57.12, 57.375]}, "std: pixels are scaled to 0 to 1 before mean and std"),
        ({"name": "../evil"}, "name: string should match pattern"),
        ({"name": "two words"}, "name: string should match pattern"),
        ({"reported": {"top1_accuracy": "69 %"}}, "reported.top1_accuracy: input should be a valid number"),
    ],
)
def test_bad_card_is_refused_with_its_line(write_card, changes, message):
    with pytest.raises(RaybenchError) as caught:
        read_card(write_card(**changes))
    assert re.search(r"tiny\.yaml(, line \d+)?: ", str(caught.value))
    assert message in str(caught.value)


def test_plain_http_is_allowed_to_this_machine_only(write_card):
    for host in ("127.0.0.1:8000", "localhost", "[::1]"):
        assert read_card(write_card(weights={"url": f"http://{host}/b.pth"}))
    with pytest.raises(RaybenchError, match="expected https"):
        read_card(write_card(weights={"url": "http://localhost.evil.org/b.pth"}))


def test_card_made_in_python_takes_tuples():
    card = Card(
        name="a", architecture="resnet18", classes="coco80", target_layer="layer4", mean=(0.0, 0.0, 0.0)
    )
    assert card.weights == ()
