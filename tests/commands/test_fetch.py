"""Weights are fetched ahead of a run, with sizes before and hashes after."""

from __future__ import annotations

import hashlib
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from calls import call, tried

from raybench.base import RaybenchError

BODY = bytes(range(256)) * 8000  # 2 MB


class Handler(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(BODY)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/net.pth"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def card(tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RAYBENCH_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "mine.yaml"
    digest = hashlib.sha256(BODY).hexdigest()
    path.write_text(
        "name: mine\narchitecture: resnet18\nclasses: voc20\n"
        f"weights: {{url: '{address}', sha256: {digest}}}\n"
    )
    return path


def test_a_dry_run_says_the_size_and_fetches_nothing(card: Path, tmp_path: Path) -> None:
    code, output = tried("fetch", card, "--dry-run")
    assert (code, "mine: 2 MB, http://127.0.0.1" in output) == (0, True)
    assert output.endswith(f"1 file (2 MB) into {tmp_path / 'cache'}\n")
    assert not (tmp_path / "cache").exists()


def test_sizes_that_nobody_says_are_said_to_be_unknown_once(
    card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    sizes = {"torchvision:ResNet18_Weights.IMAGENET1K_V1": 47_000_000}
    monkeypatch.setattr("raybench.checkpoints.remote_size", lambda url: sizes.get(url, 0))
    code, output = tried(
        "fetch", card, "torchvision:resnet18", "torchvision:resnet34", "timm:resnet10t.c3_in1k", "--dry-run"
    )
    assert code == 0
    assert " 0 MB" not in output
    *files, own, hub = output.splitlines()
    assert len(files) == 4
    assert own == f"3 files (47 MB and 2 of unknown size) into {tmp_path / 'cache'}"
    assert hub == "1 file of unknown size into the Hugging Face hub's own cache"


def test_weights_in_the_hubs_cache_are_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    there = tmp_path / "model.safetensors"
    there.touch()
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *asked, **further: str(there))
    assert tried("fetch", "timm:resnet10t.c3_in1k") == (0, "everything is here\n")


def test_what_cannot_be_fetched_is_a_mistake_and_others_are_fetched(card: Path, tmp_path: Path) -> None:
    lost = card.with_name("lost.yaml")
    lost.write_text(
        re.sub("sha256: .*}", "sha256: '00000000'}", card.read_text())
        .replace("name: mine", "name: lost")
        .replace("net.pth", "other.pth")
    )
    with pytest.raises(RaybenchError, match="but the card says 00000000"):
        call("fetch", lost, card)
    assert len([*(tmp_path / "cache").glob("*.pth")]) == 2


def test_weights_are_in_the_cache_afterwards(card: Path, tmp_path: Path) -> None:
    assert tried("fetch", card)[0] == 0
    (file,) = (tmp_path / "cache").glob("*.pth")
    assert file.read_bytes() == BODY
    assert tried("fetch", card) == (0, "everything is here\n")


def test_weights_of_another_hash_are_told(card: Path) -> None:
    card.write_text(card.read_text().partition("sha256")[0] + "sha256: '00000000'}\n")
    with pytest.raises(RaybenchError, match="but the card says 00000000"):
        call("fetch", card)


def test_a_table_names_its_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAYBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr("raybench.checkpoints.remote_size", lambda url: 0)
    code, output = tried("fetch", "torchray", "--dry-run")
    assert code == 0
    assert {line.split(":")[0] for line in output.splitlines()[:-1]} == {
        "torchray-vgg16-voc",
        "torchray-resnet50-voc",
        "torchray-vgg16-coco",
        "torchray-resnet50-coco",
    }


def test_an_unknown_name_is_compared_with_tables_suites_and_checkpoints() -> None:
    code, output = tried("fetch", "torchry")
    assert code != 0
    assert "unknown table, suite or checkpoint 'torchry'; did you mean 'torchray'" in output
