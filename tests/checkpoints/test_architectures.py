"""Modules from the architecture of a card."""

import sys

import pytest
import torch
from torch import nn

from raybench.base.errors import RaybenchError, UnknownNameError
from raybench.checkpoints import build_module


@pytest.mark.parametrize("name", ["alexnet", "resnet18", "squeezenet1_0", "mobilenet_v3_small"])
def test_torchvision_network_has_the_asked_number_of_logits(name):
    module = build_module(name, num_classes=7).eval()
    assert module(torch.zeros(2, 3, 65, 97)).shape == (2, 7)


def test_building_leaves_the_random_state_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    build_module("squeezenet1_0", num_classes=2)
    assert torch.rand(1) == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet19", "unknown torchvision architecture 'resnet19'; did you mean 'resnet1"),
        ("fasterrcnn_resnet50_fpn", "unknown torchvision architecture 'fasterrcnn_resnet50_fpn'"),
        ("", "unknown torchvision architecture ''"),
    ],
)
def test_unknown_torchvision_network_is_named(name, message):
    with pytest.raises(UnknownNameError, match=message):
        build_module(name, num_classes=2)


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """A module outside raybench that leaves a file behind when it is imported."""
    (tmp_path / "foreign_nets.py").write_text(
        "from pathlib import Path\n"
        "from torch import nn\n"
        "Path(__file__).with_name('ran').touch()\n"
        "def net(num_classes):\n"
        "    return nn.Sequential(nn.Conv2d(3, num_classes, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())\n"
        "def number(num_classes):\n"
        "    return num_classes\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("foreign_nets", None)


def test_code_of_another_package_does_not_run_without_trust(foreign):
    with pytest.raises(
        RaybenchError, match=r"'foreign_nets:net' would run code of the package 'foreign_nets'"
    ):
        build_module("foreign_nets:net", num_classes=4)
    assert not (foreign / "ran").exists()
    assert "foreign_nets" not in sys.modules


@pytest.mark.parametrize(
    "path", ["raybench_evil:net", "raybench.checkpoints_evil:net", "raybench.commands:app"]
)
def test_only_the_package_itself_is_trusted(path):
    with pytest.raises(RaybenchError, match="would run code of the package"):
        build_module(path, num_classes=4)


def test_trusted_function_is_called_with_the_number_of_classes(foreign):
    module = build_module("foreign_nets:net", num_classes=4, trust_code=True)
    assert module(torch.zeros(1, 3, 5, 6)).shape == (1, 4)
    assert (foreign / "ran").exists()


def test_trusted_function_gets_max_pooling_too(foreign):
    module = build_module("foreign_nets:net", num_classes=4, pooling="max", trust_code=True)
    assert [type(child) for child in module] == [nn.Conv2d, nn.AdaptiveMaxPool2d, nn.Flatten]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("foreign_nets:number", r"'foreign_nets:number' returned int, not a torch\.nn\.Module"),
        ("foreign_nets:missing", "foreign_nets has no function 'missing'"),
        ("nowhere_to_be_found:net", "cannot be imported: No module named 'nowhere_to_be_found'"),
        ("foreign_nets:", r"is no package\.module:function"),
        (":net", r"is no package\.module:function"),
        ("../nets.py:net", "cannot read .*nets.py, which architecture .* names"),
        (".nets:net", r"is no package\.module:function"),
    ],
)
def test_function_that_cannot_be_used_is_explained(foreign, path, message):
    with pytest.raises(RaybenchError, match=message):
        build_module(path, num_classes=4, trust_code=True)


def test_missing_timm_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(RaybenchError, match=r"'timm:resnet18' needs timm: pip install 'raybench\[timm\]'"):
        build_module("timm:resnet18", num_classes=2)
