"""Renews docs/leaderboard.png, the page that `make demo` builds, by a chromium that is installed."""

from __future__ import annotations

import shutil

from playwright.sync_api import sync_playwright
from shared import DOCS, ROOT

PAGE = ROOT / "demo" / "site" / "index.html"
WIDTH, HEIGHT = 1280, 1180


def main() -> None:
    """Take the picture."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert browser is not None, "install chromium or chrome first"
    assert PAGE.is_file(), "run `make demo` first"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        page = launched.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(PAGE.as_uri())
        page.wait_for_selector(".panel:not([hidden]) .controls:not([hidden])")
        page.screenshot(path=DOCS / "leaderboard.png")
        launched.close()


if __name__ == "__main__":
    main()
