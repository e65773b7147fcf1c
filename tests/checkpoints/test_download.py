"""Downloads from a real server on this machine, the cache, and the lock file."""

import hashlib
import http.server
import io
import json
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from raybench.base.errors import RaybenchError, UnknownNameError
from raybench.checkpoints import read_card
from raybench.checkpoints.weights.cache import cache_folder, pinned_sha256
from raybench.checkpoints.weights.download import download
from raybench.checkpoints.weights.files import read_weights


class Site(http.server.ThreadingHTTPServer):
    """Serves `pages` by path and counts the requests."""

    daemon_threads = True

    def __init__(self):
        self.pages: dict[str, bytes] = {}
        self.requests: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        site = self.server
        site.requests.append(self.path)
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
            return
        body = site.pages.get(self.path)
        if body is None:
            self.send_error(404)
            return
        if "broken" in self.path:
            self.send_in_parts(body)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) + (100 if "short" in self.path else 0)))
        self.end_headers()
        self.wfile.write(body)

    def send_in_parts(self, body):
        """Break off after a hundred bytes, but go on where the asker is, if it has this version."""
        version = '"one"'
        begun = 0
        if self.headers.get("If-Range") == version:
            begun = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if begun else 200)
        self.send_header("ETag", version)
        self.send_header("Content-Length", str(len(body) - begun))
        self.end_headers()
        self.wfile.write(body[begun:] if begun else body[:100])

    def log_message(self, *args):
        pass


@pytest.fixture
def site(tensors):
    server = Site()
    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    server.pages["/net.pth"] = server.pages["/short.pth"] = server.pages["/broken.pth"] = buffer.getvalue()
    server.pages["/page.pth"] = b"<!DOCTYPE html><html>quota exceeded</html>"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def files_in(folder):
    """All that a failed or finished download may leave, but for the locks."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_downloaded_file_is_the_served_one_and_is_fetched_once(site, cache):
    path = download(site.url("/net.pth"))
    assert path.read_bytes() == site.pages["/net.pth"]
    assert download(site.url("/net.pth")) == path
    assert site.requests == ["/net.pth"]
    assert files_in(cache) == [path.name]
    assert path.name.endswith("-net.pth")


def test_two_addresses_with_one_file_name_do_not_mix(site):
    site.pages["/other/net.pth"] = b"other"
    assert download(site.url("/net.pth")) != download(site.url("/other/net.pth"))


def test_odd_address_gives_a_plain_file_name_in_the_cache(site, cache):
    site.pages["/a%2F..%2Fb%00%20" + "c" * 300 + ".pth?x=../y"] = b"odd"
    path = download(site.url("/a%2F..%2Fb%00%20" + "c" * 300 + ".pth?x=../y"))
    assert path.parent == cache
    assert len(path.name) < 100
    assert path.name.endswith("ccc.pth")


def test_many_askers_wait_for_one_download(site):
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(download, [site.url("/net.pth")] * 8))
    assert (len(paths), len(site.requests)) == (1, 1)


def test_file_placed_by_hand_is_taken(site, cache):
    with pytest.raises(RaybenchError) as caught:
        download(site.url("/missing.pth"))
    place = str(caught.value).rpartition("save it as ")[2]
    cache.joinpath(place).write_bytes(b"by hand")
    assert download(site.url("/missing.pth")).read_bytes() == b"by hand"


def test_redirect_is_followed(site):
    assert download(site.url(f"/to/{site.url('/net.pth')}")).read_bytes() == site.pages["/net.pth"]


def test_redirect_to_an_insecure_address_is_refused(site):
    with pytest.raises(
        RaybenchError, match=r"it leads to the insecure address http://raybench\.invalid/net\.pth"
    ):
        download(site.url("/to/http://raybench.invalid/net.pth"))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "/none.pth",
            r"cannot download http://127\S+: HTTP 404 not found; download it by hand and save it as /",
        ),
        ("/short.pth", r"was cut short at (\d+) of (?!\1)\d+ bytes; try again, or download it by hand"),
        ("/page.pth", r"answered with a web page instead of a weight file .*; download it by hand"),
    ],
)
def test_failed_download_is_explained_and_leaves_nothing(site, cache, path, message):
    with pytest.raises(RaybenchError, match=message):
        download(site.url(path))
    assert files_in(cache) == []


def test_failed_download_may_be_tried_again(site):
    with pytest.raises(RaybenchError, match="HTTP 404"):
        download(site.url("/late.pth"))
    site.pages["/late.pth"] = b"here now"
    assert download(site.url("/late.pth")).read_bytes() == b"here now"


def test_a_download_that_broke_off_goes_on_where_it_was(site, cache):
    with pytest.raises(RaybenchError, match="was cut short at 100 of"):
        download(site.url("/broken.pth"))
    path = download(site.url("/broken.pth"))
    assert path.read_bytes() == site.pages["/broken.pth"]
    assert files_in(cache) == [path.name]


def test_server_that_is_not_there_is_named():
    with pytest.raises(RaybenchError, match=r"cannot download http://127\.0\.0\.1:9/a\.pth: .*refused"):
        download("http://127.0.0.1:9/a.pth")


def test_cache_folder_that_cannot_be_made_is_explained(tmp_path, monkeypatch, site):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RAYBENCH_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(
        RaybenchError, match=r"cannot write to the cache folder .*; set RAYBENCH_CACHE to a folder"
    ):
        download(site.url("/net.pth"))


def test_cache_folder_is_chosen_or_the_platforms(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("RAYBENCH_CACHE", "~/weights")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "weights"
    monkeypatch.delenv("RAYBENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "raybench"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == tmp_path / ".cache" / "raybench"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache_folder() == tmp_path / "Library" / "Caches" / "raybench"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("torchvision:ResNet18_Weights.IMAGENET1K_V9", r"did you mean 'ResNet18_Weights\.IMAGENET1K_V1'"),
        ("torchvision:Resnet18_Weights.IMAGENET1K_V1", r"did you mean 'ResNet18_Weights\.IMAGENET1K_V1'"),
    ],
)
def test_unknown_torchvision_weights_name_the_nearest(url, message):
    with pytest.raises(UnknownNameError, match=f"unknown torchvision weights .*{message}"):
        download(url)


def test_torchvision_weights_are_looked_for_under_the_name_of_their_address(cache):
    from torchvision.models import ResNet18_Weights

    address = ResNet18_Weights.IMAGENET1K_V1.url
    cache.mkdir()
    expected = cache / f"{hashlib.sha256(address.encode()).hexdigest()[:8]}-resnet18-f37072fd.pth"
    expected.write_bytes(b"placed")
    assert download("torchvision:ResNet18_Weights.IMAGENET1K_V1") == expected


def test_drive_without_gdown_says_how_to_go_on(monkeypatch, cache):
    monkeypatch.setitem(sys.modules, "gdown", None)
    with pytest.raises(RaybenchError) as caught:
        download("gdrive:1234567890abc")
    assert str(caught.value) == (
        "weights on Google Drive need gdown: pip install 'raybench[gdrive]'; or download it by hand from "
        f"https://drive.google.com/file/d/1234567890abc/view and save it as {cache}/gdrive-1234567890abc.pth"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>quota exceeded</html>", "answered with a web page"),
        (None, "Google Drive refused; download it by hand from https://drive"),
        (
            RuntimeError("no such file\nmore"),
            r"cannot download gdrive:\S+: no such file; download it by hand",
        ),
    ],
)
def test_refusals_of_drive_are_explained(monkeypatch, cache, content, message):
    # gdown itself needs the network, so its three ways to fail are played here.
    def fake(*, id, output, quiet):
        if isinstance(content, Exception):
            raise content
        if content is not None:
            Path(output).write_bytes(content)
        return output if content else None

    monkeypatch.setitem(sys.modules, "gdown", types.SimpleNamespace(download=fake))
    with pytest.raises(RaybenchError, match=message):
        download("gdrive:1234567890abc")
    assert files_in(cache) == []


def test_first_use_pins_the_hash_in_the_lock_file(site, cache, write_card):
    url = site.url("/net.pth")
    weights = read_weights(read_card(write_card(weights={"url": url})))
    digest = hashlib.sha256(site.pages["/net.pth"]).hexdigest()
    assert weights.sha256 == digest
    assert json.loads((cache / "weights.lock.json").read_text()) == {url: digest}


def test_changed_file_is_refused_after_pinning(site, cache, write_card):
    url = site.url("/net.pth")
    card = read_card(write_card(weights={"url": url}))
    read_weights(card)
    download(url).unlink()
    buffer = io.BytesIO()
    torch.save({"other": torch.zeros(1)}, buffer)
    site.pages["/net.pth"] = buffer.getvalue()
    with pytest.raises(RaybenchError, match=rf"but {url} was pinned to [0-9a-f]{{64}} on first use"):
        read_weights(card)


def test_wrong_hash_in_the_card_is_not_pinned(site, cache, write_card):
    card = read_card(write_card(weights={"url": site.url("/net.pth"), "sha256": "0" * 8}))
    with pytest.raises(RaybenchError, match=r"card says 00000000: .*; delete it to download it again"):
        read_weights(card)
    assert not (cache / "weights.lock.json").exists()


def test_pins_of_many_processes_are_all_kept(cache):
    cache.mkdir()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: pinned_sha256(f"https://a.org/{n}", f"{n:064}"), range(40)))
    assert len(json.loads((cache / "weights.lock.json").read_text())) == 40


def test_whole_hash_in_the_card_needs_no_pin(site, cache, write_card):
    digest = hashlib.sha256(site.pages["/net.pth"]).hexdigest()
    source = {"url": site.url("/net.pth"), "sha256": digest}
    assert read_weights(read_card(write_card(weights=source))).sha256 == digest
    assert not (cache / "weights.lock.json").exists()


def test_lock_file_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RAYBENCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(RaybenchError, match=r"cannot pin https://a\.org in .*weights\.lock\.json: "):
        pinned_sha256("https://a.org", "0" * 64)


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 1}'])
def test_damaged_lock_file_is_named(cache, content):
    cache.mkdir()
    (cache / "weights.lock.json").write_text(content)
    with pytest.raises(RaybenchError, match=r"the lock file .*weights\.lock\.json is damaged"):
        pinned_sha256("https://a.org", "0" * 64)
