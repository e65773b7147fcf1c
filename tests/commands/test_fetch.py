"""Weights are fetched ahead of a run, with sizes before and hashes after."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from calls import tried

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
    assert not (tmp_path / "cache").exists()


def test_weights_are_in_the_cache_afterwards(card: Path, tmp_path: Path) -> None:
    assert tried("fetch", card)[0] == 0
    (file,) = (tmp_path / "cache").glob("*.pth")
    assert file.read_bytes() == BODY
    code, output = tried("fetch", card)
    assert (code, "0 files" in output) == (0, True)


def test_weights_of_another_hash_are_told(card: Path) -> None:
    card.write_text(card.read_text().partition("sha256")[0] + "sha256: '00000000'}\n")
    code, output = tried("fetch", card)
    assert code == 1
    assert "but the card says 00000000" in output


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
