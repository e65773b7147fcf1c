"""Image classifiers of transformers, from folders as it saves them: small, untrained, without a network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from raybench.base import RaybenchError
from raybench.benchmark.loading import frame_of
from raybench.benchmark.loading.views import pillow_view
from raybench.benchmark.suite import PROTOCOLS
from raybench.checkpoints import Network, find_card, load_classes, load_network, resolved

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore")  # of another library, which has many

LABELS = load_classes("voc20").ids
NAMES = {
    "id2label": dict(enumerate(LABELS)),
    "label2id": {label: index for index, label in enumerate(LABELS)},
}
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
STAGES = {"depths": [1, 1], "hidden_sizes": [8, 12]}
CONFIGS: dict[str, Callable[[], object]] = {
    "vit": lambda: transformers.ViTConfig(image_size=32, patch_size=8, **SMALL, **NAMES),
    "deit": lambda: transformers.DeiTConfig(
        image_size=32, patch_size=8, architectures=["DeiTForImageClassification"], **SMALL, **NAMES
    ),
    "beit": lambda: transformers.BeitConfig(image_size=32, patch_size=8, **SMALL, **NAMES),
    "dinov2": lambda: transformers.Dinov2Config(image_size=32, patch_size=8, **SMALL, **NAMES),
    "dinov2 with registers": lambda: transformers.Dinov2WithRegistersConfig(
        image_size=32, patch_size=8, **SMALL, **NAMES
    ),
    "resnet": lambda: transformers.ResNetConfig(
        embedding_size=8, layer_type="basic", out_features=None, **STAGES, **NAMES
    ),
    "convnext": lambda: transformers.ConvNextConfig(num_stages=2, **STAGES, **NAMES),
    "convnextv2": lambda: transformers.ConvNextV2Config(num_stages=2, **STAGES, **NAMES),
    "swin": lambda: transformers.SwinConfig(
        image_size=32, patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=4, **NAMES
    ),
    "swinv2": lambda: transformers.Swinv2Config(
        image_size=32, patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=4, **NAMES
    ),
    "regnet": lambda: transformers.RegNetConfig(embedding_size=8, groups_width=4, **STAGES, **NAMES),
    "mobilenet_v2": lambda: transformers.MobileNetV2Config(depth_multiplier=0.25, **NAMES),
}
PROCESSORS = {
    "squeezed": {"size": {"height": 32, "width": 32}, "resample": 3},
    "crop": {"size": {"shortest_edge": 36}, "do_center_crop": True, "crop_size": {"height": 32, "width": 32}},
    "convnext": {"size": {"shortest_edge": 32}, "crop_pct": 0.875, "resample": 3},
    "convnext, large": {"size": {"shortest_edge": 384}, "crop_pct": 0.875, "resample": 3},
}
KINDS = {
    "squeezed": "ViTImageProcessor",
    "crop": "BitImageProcessor",
    "convnext": "ConvNextImageProcessor",
    "convnext, large": "ConvNextImageProcessor",
}
STATISTICS = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.25, 0.3], "rescale_factor": 1 / 255}


def picture(width: int, height: int) -> PIL.Image.Image:
    y, x = np.mgrid[:height, :width]
    waves = [128 + 100 * np.sin(x / (7 + band) + y / (11 - band)) for band in range(3)]
    return PIL.Image.fromarray(np.stack(waves, axis=2).astype(np.uint8))


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    """Save a small network and its processor as their authors do, and return the folder."""

    def save(kind: str = "vit", processor: str = "squeezed", **options: object) -> Path:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            config = CONFIGS[kind]()
            module = transformers.AutoModelForImageClassification.from_config(config).eval()
        folder = tmp_path / kind
        module.save_pretrained(folder, **options)
        content = {
            **PROCESSORS[processor],
            **STATISTICS,
            "image_processor_type": KINDS[processor],
            "do_resize": True,
            "do_rescale": True,
            "do_normalize": True,
        }
        (folder / "preprocessor_config.json").write_text(json.dumps(content))
        return folder

    return save


@pytest.mark.parametrize("kind", CONFIGS)
def test_scores_are_those_of_the_library(saved, kind: str) -> None:
    folder = saved(kind)
    network = load_network(f"hf:{folder}")
    theirs = transformers.AutoModelForImageClassification.from_pretrained(folder).eval()
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = theirs(images).logits
        torch.testing.assert_close(network.module(images), expected, rtol=1e-5, atol=1e-6)
    assert network.classes.name == "voc20"
    assert network.card.mean == (0.5, 0.4, 0.3)


def test_a_folder_beside_the_suite_is_named_without_a_dot(saved, monkeypatch) -> None:
    folder = saved("vit")
    monkeypatch.chdir(folder.parent)
    assert find_card("hf:vit") == find_card("hf:./vit")


def test_without_a_processor_the_size_is_that_of_the_configuration(saved) -> None:
    folder = saved("vit")
    (folder / "preprocessor_config.json").unlink()
    assert find_card(f"hf:{folder}").input.size == (32, 32)


@pytest.mark.parametrize("processor", PROCESSORS)
@pytest.mark.parametrize("size", [(50, 40), (31, 77)])
def test_the_crop_is_what_the_processor_makes_to_one_level(
    saved, processor: str, size: tuple[int, int]
) -> None:
    folder = saved(processor=processor)
    card = resolved(find_card(f"hf:{folder}"))
    image = picture(*size)
    frame = frame_of("whole", PROTOCOLS["native-crop"], card)
    pixels = torch.from_numpy(pillow_view(image, frame)).permute(2, 0, 1)[None]
    ours = Network(torch.nn.Linear(1, 1), card, load_classes("voc20")).normalise(pixels)
    kind = getattr(transformers, f"{KINDS[processor]}Pil", None) or getattr(transformers, KINDS[processor])
    theirs = kind.from_pretrained(folder)
    expected = theirs(images=image, return_tensors="pt")["pixel_values"]
    assert ours.shape == expected.shape
    levels = (ours - expected).abs() * torch.tensor(card.std)[:, None, None] * 255
    assert levels.max() <= 1 + 1e-3


@pytest.mark.parametrize(
    ("kind", "size"), [("vit", (32, 32)), ("deit", (32, 32)), ("swin", None), ("resnet", None)]
)
def test_networks_of_one_size_are_known_by_trying(saved, kind: str, size: tuple[int, int] | None) -> None:
    assert load_network(f"hf:{saved(kind)}").input_size == size


def test_several_files_of_weights_are_one_checkpoint(saved) -> None:
    whole = load_network(f"hf:{saved('vit')}")
    folder = saved("vit", max_shard_size="20KB")
    (folder / "model.safetensors").unlink()
    network = load_network(f"hf:{folder}")
    assert network.card.weights[0].path == str(folder / "model.safetensors.index.json")
    state = whole.module.state_dict()
    assert all(torch.equal(one, state[name]) for name, one in network.module.state_dict().items())


def test_a_repository_in_the_hubs_cache_is_named_with_its_commit(saved, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "hub" / "models--me--small"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    (repository / "snapshots").mkdir()
    saved("vit").rename(repository / "snapshots" / commit)
    network = load_network("hf:me/small")
    assert network.name == "hf-me-small-01234567"
    assert network.card.weights[0].url == f"hf:me/small@{commit}"
    untrained = load_network("hf:me/small@random")
    assert untrained.name == "hf-me-small-01234567-random"
    assert untrained.weights_sha256 != network.weights_sha256
    with pytest.raises(RaybenchError, match=r"cannot download config\.json .* hf download me/other"):
        find_card("hf:me/other")


def test_what_is_no_image_classifier_or_would_run_code_is_refused(saved) -> None:
    folder = saved("vit")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "bert", "architectures": ["B"]}))
    with pytest.raises(RaybenchError, match="is no image classifier that transformers knows"):
        find_card(f"hf:{folder}")
    own = {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config"}}
    (folder / "config.json").write_text(json.dumps(own))
    (folder / "mine.py").write_text("raise SystemExit('it ran')")
    with pytest.raises(RaybenchError, match="cannot read the configuration"):
        find_card(f"hf:{folder}")


def test_a_pickle_in_a_repository_is_not_read(saved) -> None:
    folder = saved("vit")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(RaybenchError, match=r"has no model\.safetensors .*; other formats may run"):
        load_network(f"hf:{folder}")
