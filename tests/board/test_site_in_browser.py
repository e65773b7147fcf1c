"""The page in a real browser, opened from the disk: it sorts, filters, explains itself and calls nobody."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from board_folders import made_up_values, write_run
from tiny_suite import TinySuite

import raybench
from raybench.benchmark.board.build import build_site
from raybench.benchmark.board.collect import collect

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium or chrome is installed")

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><script>alert(2)</script>",
    "' onmouseover='alert(3)",
    "{{ 7 * 7 }}{% raise %}",
    "\u202edesrever\u202c name",
    "\N{DIRECT HIT} \u05e9\u05dc\u05d5\u05dd",
    "javascript:alert(4)//",
    '=HYPERLINK("http://example.com")',
    "x" * 200,
)
IMAGES = 30


@dataclass
class Visit:
    """A page and everything that must not have happened on it."""

    page: sync_api.Page
    faults: list[str] = field(default_factory=list)

    @property
    def table(self) -> sync_api.Locator:
        """The table of the tab that is shown."""
        return self.page.locator(".panel:not([hidden]) table.board")

    def column(self, selector: str) -> list[str]:
        """Texts of the cells of the shown rows."""
        return self.table.locator(f"tbody tr {selector}").all_inner_texts()


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=BROWSER, args=list(QUIET))
        yield launched
        launched.close()


def visit(
    browser: sync_api.Browser, index: Path, *, width: int = 1280, anchor: str = "", **options: str
) -> Visit:
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    visited = Visit(context.new_page())
    page, faults = visited.page, visited.faults
    page.set_default_timeout(15_000)
    page.on("console", lambda message: faults.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("requestfailed", lambda request: faults.append(f"failed: {request.url}"))
    local = ("file:", "data:", "blob:")
    page.on(
        "request", lambda one: None if one.url.startswith(local) else faults.append(f"request: {one.url}")
    )
    page.goto(index.as_uri() + anchor)
    page.wait_for_selector(".panel:not([hidden]) .controls:not([hidden])")
    return visited


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sections: four checkpoints under two methods, and the hostile names."""
    folder = tmp_path_factory.mktemp("boards")
    cards = {
        "plain": {"architecture": "resnet18", "training": "baseline"},
        "even": {"architecture": "resnet18", "training": "gc"},
        "large": {"architecture": "resnet50", "training": "gmp"},
    }
    levels = {"plain": 40, "even": 60, "large": 80}
    rows = {
        (name, method): made_up_values(IMAGES, level - 15 * (method == "gradient"), seed=level)
        for name, level in levels.items()
        for method in ("grad_cam", "gradient")
    }
    rows["none", "center"] = made_up_values(IMAGES, 30, seed=9)
    sound = write_run(
        folder / "sound",
        rows,
        accuracy={"plain": 70, "even": 60, "large": 50},
        cards=cards,
        dataset="imagenet",
    )
    hostile = {(name, name): made_up_values(IMAGES // 2, 50, seed=n) for n, name in enumerate(HOSTILE)}
    write_run(
        folder / "hostile",
        hostile,
        accuracy=dict.fromkeys(HOSTILE, 50),
        cards={
            name: {"architecture": name, "training": name, "source": name, "notes": name} for name in HOSTILE
        },
        dataset=HOSTILE[0],
        prefix=HOSTILE[2],
        git_revision=HOSTILE[1],
        device={"type": HOSTILE[2], "name": HOSTILE[3]},
        skipped=[{"image_id": "a", "path": HOSTILE[1], "reason": HOSTILE[0]}],
        suite={"name": "$(touch owned); `id`", "description": HOSTILE[2]},
    )
    broken = shutil.copytree(sound, folder / "<b>broken<b>")
    (broken / "run.json").write_text("{")
    board = collect([folder], with_published=True)
    assert len(board.excluded) == 1
    return build_site(board, folder / "site")


@pytest.fixture
def shown(browser: sync_api.Browser, site: Path) -> Iterator[Visit]:
    visited = visit(browser, site)
    sync_api.expect(visited.page.get_by_role("tab", selected=True)).to_contain_text("ImageNet")
    yield visited
    visited.page.context.close()
    assert visited.faults == []


def test_page_says_what_it_is_and_who_is_best(shown: Visit) -> None:
    assert shown.page.title() == "raybench leaderboard"
    winners = shown.page.locator(".panel:not([hidden]) .winner").all_inner_texts()
    assert [text.split("\n")[0] for text in winners] == [
        "Pointing game",
        "Stochastic pointing game",
        "Content heatmap",
        "Top-1 accuracy",
    ]
    assert "large with grad_cam" in winners[2]
    assert "ahead of every other ranked row" in winners[2]
    assert "plain" in winners[3]


def test_every_number_has_its_interval_and_rank(shown: Visit) -> None:
    first = shown.table.locator("tbody tr.measured").first
    values = first.locator(".value").all_inner_texts()
    intervals = first.locator(".interval").all_inner_texts()
    assert len(values) == len(intervals) == 4
    for value, interval in zip(values, intervals, strict=True):
        low, high = map(float, re.findall(r"[\d.]+", interval.replace("95 % interval", "")))
        assert low <= float(value) <= high
    ranks = first.locator(".rank").all_inner_texts()
    assert len(ranks) == 3  # accuracy is the checkpoint's
    assert ranks[-1].split()[-1] == "1"


def test_table_sorts_by_click_and_by_key(shown: Visit) -> None:
    heading = shown.table.locator("thead th", has_text="Content heatmap")
    unsorted = shown.column(".checkpoint, tbody .method")
    heading.click()
    sync_api.expect(heading).to_have_attribute("aria-sort", "descending")
    cells = "tbody tr:not(.reference) td.score:nth-last-child(2) .value"
    measured = [float(text) for text in shown.table.locator(cells).all_inner_texts()]
    assert measured == sorted(measured, reverse=True)
    heading.get_by_role("button").focus()
    shown.page.keyboard.press("Enter")
    sync_api.expect(heading).to_have_attribute("aria-sort", "ascending")
    measured = [float(text) for text in shown.table.locator(cells).all_inner_texts()]
    assert measured == sorted(measured)
    kinds = [row.get_attribute("data-kind") for row in shown.table.locator("tbody tr").all()]
    assert "reference" in kinds
    assert kinds == sorted(kinds, key=lambda kind: kind == "reference")  # no row is to be compared with them
    shown.page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") is None
    assert shown.column(".checkpoint, tbody .method") == unsorted


def test_rows_without_a_value_stay_below_whichever_way_a_column_is_sorted(shown: Visit) -> None:
    heading = shown.table.locator("thead th", has_text="Top-1")
    for way in ("descending", "ascending"):
        heading.click()
        sync_api.expect(heading).to_have_attribute("aria-sort", way)
        known = [not text.endswith("no value") for text in shown.column("td.score:nth-child(4)")]
        assert known == sorted(known, reverse=True)
        assert not all(known)


def test_search_and_filters_keep_the_rows_that_fit(shown: Visit) -> None:
    controls = shown.page.locator(".panel:not([hidden]) .controls")
    controls.get_by_label("published rows").uncheck()
    assert len(shown.column(".checkpoint")) == 7
    controls.get_by_label("Search").fill("even")
    assert shown.column(".checkpoint") == ["even", "even"]
    controls.get_by_label("Search").fill("")
    controls.get_by_role("combobox", name="Architecture").select_option("resnet18")
    controls.get_by_role("combobox", name="Training").select_option("baseline")
    controls.get_by_role("combobox", name="Method").select_option("gradient")
    assert shown.column(".checkpoint") == ["plain"]
    assert shown.column(".method") == ["gradient"]
    assert controls.get_by_role("status").inner_text() == "1 of 17 rows"
    controls.get_by_role("combobox", name="Method").select_option("")
    controls.get_by_label("Search").fill("Grad-CAM")
    assert set(shown.column(".method")) == {"grad_cam"}
    controls.get_by_role("combobox", name="Architecture").select_option("")
    controls.get_by_role("combobox", name="Training").select_option("")
    controls.get_by_label("Search").fill("")
    controls.get_by_label("one row per checkpoint").check()
    names = [name for name in shown.column(".checkpoint") if name != "no network"]
    assert len(names) == len(set(names)) > 1
    controls.get_by_label("one row per checkpoint").uncheck()
    controls.get_by_label("Search").fill("nobody")
    assert "No row fits" in shown.table.locator("tbody").inner_text()


def test_columns_can_be_chosen(shown: Visit) -> None:
    headings = shown.table.locator("thead th")
    assert not headings.filter(has_text="Queries").count()
    shown.page.locator(".panel:not([hidden]) .chooser summary").click()
    chooser = shown.page.locator(".panel:not([hidden]) .chooser")
    chooser.get_by_label("Queries").check()
    assert headings.filter(has_text="Queries").count() == 1
    chooser.get_by_label("Content heatmap").uncheck()
    assert not headings.filter(has_text="Content heatmap").count()
    shown.page.keyboard.press("Escape")
    sync_api.expect(chooser.get_by_label("Queries")).to_be_hidden()


def test_tabs_switch_by_click_and_by_arrow_keys(shown: Visit) -> None:
    tabs = shown.page.get_by_role("tab")
    panels = shown.page.locator(".panel:not([hidden])")
    assert (
        tabs.count() == 6
    )  # two measured; COCO twice, VOC and ImageNet without a network are only published
    for place in range(tabs.count()):
        tabs.nth(place).click()
        assert panels.count() == 1
        assert panels.get_attribute("id") == tabs.nth(place).get_attribute("aria-controls")
    shown.page.keyboard.press("ArrowRight")  # from the last to the first
    sync_api.expect(tabs.first).to_be_focused()
    assert tabs.first.get_attribute("aria-selected") == "true"
    shown.page.keyboard.press("End")
    sync_api.expect(tabs.last).to_be_focused()
    assert panels.get_attribute("id") == tabs.last.get_attribute("aria-controls")


def test_published_coco_rows_say_that_they_repeat_imagenet(shown: Visit) -> None:
    shown.page.get_by_role("tab", name="COCO val2014 aaai21").click()
    panel = shown.page.locator(".panel:not([hidden])")
    assert "repeat its ImageNet ResNet18 rows" in panel.locator(".notes").inner_text()
    assert panel.locator("tr.published").count() == 4
    assert panel.locator("tr.published .tag", has_text="published").count() == 4


def test_source_of_a_row_opens_by_keyboard_and_closes(shown: Visit) -> None:
    row = shown.table.locator("tr", has_text="even").first
    button = row.get_by_role("button", name="Source")
    button.focus()
    shown.page.keyboard.press("Enter")
    dialog = shown.page.get_by_role("dialog")
    sync_api.expect(dialog).to_be_visible()
    text = dialog.inner_text()
    for fact in (
        "even, grad_cam",
        "raybench run made-up --data imagenet=PATH --out runs/made-up",
        f"{1:064x}",  # SHA-256 of the weights
        "tolerance_px",
        "ab" * 32,  # fingerprint of the dataset
        "0123456789abcdef",
        "12.5 s",
        "degenerate maps",
        "images skipped",
        "seed",
    ):
        assert fact in text
    shown.page.keyboard.press("Escape")
    sync_api.expect(dialog).to_be_hidden()
    sync_api.expect(button).to_be_focused()


def test_link_to_a_row_opens_its_tab_and_marks_it(browser: sync_api.Browser, site: Path) -> None:
    keys = re.findall(r'<tr id="([^"]+)"', site.read_text())
    assert all(re.fullmatch(r"[a-z0-9-]+", key) for key in keys)
    assert len(set(keys)) == len(keys)
    other = next(key for key in keys if key.startswith("voc2007"))
    visited = visit(browser, site, anchor=f"#{other}")
    row = visited.page.locator(f"[id='{other}']")
    sync_api.expect(row).to_be_in_viewport()
    assert "linked" in (row.get_attribute("class") or "")
    assert row.locator("a.permalink").get_attribute("href") == f"#{other}"
    visited.page.context.close()
    assert visited.faults == []


def test_link_to_a_row_that_a_filter_hides_leads_there(shown: Visit) -> None:
    page = shown.page
    panel = page.locator(".panel:not([hidden])")
    winner = panel.locator(".winner a").first
    row = page.locator(f"tr[id='{(winner.get_attribute('href') or '#').removeprefix('#')}']")
    training = panel.locator("select[data-filter='training']")
    panel.get_by_label("Search").fill("no such row")
    training.select_option("baseline")
    sync_api.expect(row).to_have_count(0)
    winner.click()
    sync_api.expect(row).to_be_in_viewport()
    assert panel.get_by_label("Search").input_value() == ""
    assert training.input_value() == ""
    panel.get_by_label("Search").fill("no such row")
    winner.click()  # the address is there already
    sync_api.expect(row).to_be_in_viewport()


def test_address_holds_what_was_chosen_and_compared(browser: sync_api.Browser, site: Path) -> None:
    first = visit(browser, site)
    panel = first.page.locator(".panel:not([hidden])")
    panel.get_by_label("Search").fill("l")
    panel.locator("select[data-filter='method']").select_option("grad_cam")
    first.table.locator("thead th", has_text="Content heatmap").click()
    panel.locator("details.chooser summary").click()
    panel.locator("[data-column='7']").uncheck()
    first.page.keyboard.press("Escape")
    compared = panel.get_by_label("compared rows only")
    sync_api.expect(compared).to_be_hidden()
    for name in ("plain", "large"):
        first.table.locator(f"[data-pick='{name}|grad_cam']").check()
    line = panel.locator("[data-comparison]")
    sync_api.expect(line).to_have_text(
        re.compile("Compared: .*plain, grad_cam.*; no picture of the gallery has maps of all of them")
    )
    sync_api.expect(line.get_by_role("button")).to_have_count(1)
    line.get_by_role("button", name="Show these alone").click()
    sync_api.expect(compared).to_be_checked()
    assert sorted(first.column(".checkpoint")) == ["large", "plain"]
    seen, address = first.table.inner_text(), first.page.evaluate("location.hash")
    first.page.context.close()
    second = visit(browser, site, anchor=address)
    assert second.table.inner_text() == seen
    assert second.page.evaluate("location.hash") == address
    second.page.locator(".panel:not([hidden])").get_by_label("compared rows only").uncheck()
    assert len(second.column(".checkpoint")) > 2
    second.page.context.close()
    assert first.faults == second.faults == []


def test_long_table_opens_with_its_first_rows_and_shows_all_when_asked(
    browser: sync_api.Browser, tmp_path: Path
) -> None:
    rows = {(f"net{n:03d}", "grad_cam"): made_up_values(8, 20 + n / 4, seed=n) for n in range(204)}
    page = build_site(collect([write_run(tmp_path / "run", rows)], with_published=False), tmp_path / "site")
    visited = visit(browser, page)
    assert len(visited.column(".checkpoint")) == 100
    panel = visited.page.locator(".panel:not([hidden])")
    assert panel.locator("[data-count]").inner_text() == "204 rows"
    panel.get_by_label("Search").fill("net00")
    assert len(visited.column(".checkpoint")) == 10  # found among all rows
    panel.get_by_label("Search").fill("")
    visited.page.get_by_role("button", name="Show all 204 rows").click()
    assert len(visited.column(".checkpoint")) == 204
    visited.page.context.close()
    assert visited.faults == []


def test_plots_of_many_rows_are_whole_in_low_windows(browser: sync_api.Browser, tmp_path: Path) -> None:
    rows = {(f"net{n}", "grad_cam"): made_up_values(IMAGES, 2 * n, seed=n) for n in range(24)}
    run = write_run(tmp_path / "run", rows, accuracy={f"net{n}": 50 + n for n in range(24)})
    visited = visit(browser, build_site(collect([run]), tmp_path / "site"))
    page = visited.page
    for height in (900, 300):
        page.set_viewport_size({"width": 1280, "height": height})
        for plot in page.locator(".panel:not([hidden]) figure.plot").all():
            plot.scroll_into_view_if_needed()
            sync_api.expect(plot).to_have_attribute("data-drawn", "yes", timeout=60_000)
            sizes = plot.evaluate(
                """figure => {
                  const frame = figure.querySelector(".plot-frame");
                  const wanted = JSON.parse(figure.querySelector("script").textContent);
                  const layout = { ...wanted.layout, ...wanted.views[0].layout };
                  return [layout.height, frame.querySelector("svg").clientHeight, frame.clientHeight];
                }"""
            )
            assert len(set(sizes)) == 1, sizes
    visited.page.context.close()
    assert visited.faults == []


def test_hostile_names_are_only_text(shown: Visit) -> None:
    page = shown.page
    page.get_by_role("tab").nth(1).click()
    names = shown.column(".checkpoint")
    assert sorted(names) == sorted(HOSTILE)
    for button in shown.table.get_by_role("button", name="Source").all():
        button.click()
        assert "$(touch owned)" in page.locator("#provenance-command").inner_text()
        assert "'$(touch owned); `id`'" in page.locator("#provenance-command").inner_text()
        page.keyboard.press("Escape")
    controls = page.locator(".panel:not([hidden]) .controls")
    controls.get_by_role("combobox", name="Method").select_option(HOSTILE[1])
    assert shown.column(".checkpoint") == [HOSTILE[1]]
    for figure in page.locator(".panel:not([hidden]) figure.plot").all():
        figure.scroll_into_view_if_needed()
        sync_api.expect(figure.locator(".plot-frame .main-svg").first).to_be_visible()
    assert page.title() == "raybench leaderboard"
    assert page.locator("img[src='x'], img[onerror]").count() == 0
    assert (
        page.evaluate(
            "document.querySelectorAll('script:not([src]):not([type=\"application/json\"])').length"
        )
        == 0
    )


def test_excluded_page_names_folder_and_reason(browser: sync_api.Browser, site: Path) -> None:
    visited = Visit(browser.new_page())
    visited.page.goto(site.with_name("excluded.html").as_uri())
    row = visited.page.locator("tbody tr").inner_text()
    assert "<b>broken<b>" in row
    assert "run.json, line 1: not valid JSON" in row
    visited.page.get_by_role("link", name="Back to the leaderboard").click()
    assert visited.page.url == site.as_uri()
    visited.page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_scrolls_the_table_and_not_the_page(browser: sync_api.Browser, site: Path, scheme: str) -> None:
    visited = visit(browser, site, width=390, color_scheme=scheme)
    for tab in visited.page.get_by_role("tab").all():
        tab.click()
        assert visited.page.evaluate("document.documentElement.scrollWidth") == 390
    visited.page.get_by_role("tab").first.click()
    panel = visited.page.locator(".panel:not([hidden])")
    assert "sorted by CH" in panel.inner_text()
    sync_api.expect(visited.table.locator("thead th.number").first).to_contain_text("Content heatmap")
    panel.locator(".chooser summary").click()
    assert visited.page.evaluate("document.documentElement.scrollWidth") == 390
    wide = visited.page.locator(".panel:not([hidden]) .scroller")
    assert wide.evaluate("e => e.scrollWidth > e.clientWidth")
    texts = visited.page.locator(".panel:not([hidden]) :is(td .value, .plot-controls label)")
    # a place may be as long as "100-200": numbers and words break for none
    visited.page.locator(".panel:not([hidden]) .rank").evaluate_all(
        "all => all.map(e => e.append('100-200'))"
    )
    heights = texts.evaluate_all("all => all.map(e => e.getBoundingClientRect().height)")
    assert max(heights) < 48
    assert wide.locator("td .value").evaluate_all("all => Math.max(...all.map(e => e.clientHeight))") < 30
    visited.page.context.close()
    assert visited.faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_background(browser: sync_api.Browser, site: Path, scheme: str) -> None:
    visited = visit(browser, site, color_scheme=scheme)
    worst = visited.page.evaluate(
        """() => {
      const channels = (text) => text.match(/[\\d.]+/g).map(Number);
      const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
        .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, place) => sum + c * [0.2126, 0.7152, 0.0722][place], 0);
      const behind = (element) => {
        for (let one = element; one; one = one.parentElement) {
          const found = channels(getComputedStyle(one).backgroundColor);
          if (found.length === 3 || found[3] > 0.99) return found;
        }
        return [255, 255, 255];
      };
      let worst = { contrast: 99 };
      const where = "header *, .panel:not([hidden]) :not(svg *), .about *, footer *";
      for (const element of document.querySelectorAll(where)) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        if (!own || !element.checkVisibility() || element.closest("figure, .gallery, option")) continue;
        const [a, b] = [light(channels(getComputedStyle(element).color)), light(behind(element))];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < worst.contrast) worst = { contrast, what: element.outerHTML.slice(0, 120) };
      }
      return worst;
    }"""
    )
    assert worst["contrast"] >= 4.5, worst["what"]
    visited.page.context.close()


def test_gallery_images_and_plot_files_load(
    browser: sync_api.Browser, tiny: TinySuite, tmp_path: Path
) -> None:
    settings = raybench.Settings(data={"shapes": tiny.data}, out=tmp_path / "run", device="cpu", workers=0)
    raybench.evaluate(tiny.suite, settings)
    page = build_site(collect([tmp_path / "run"]), tmp_path / "site")
    visited = visit(browser, page)
    for summary in visited.page.locator(".gallery details:not([open]) > summary").all():
        summary.click()
    pictures = visited.page.locator(".panel:not([hidden]) img")
    assert pictures.count() > 2
    for picture in pictures.all():
        picture.scroll_into_view_if_needed()
        visited.page.wait_for_function("e => e.complete", arg=picture.element_handle())
        assert picture.evaluate("e => e.naturalWidth") > 0
        assert picture.get_attribute("alt") is not None
    for link in visited.page.locator(".panel:not([hidden]) figure.plot a[download]").all():
        assert (page.parent / (link.get_attribute("href") or "missing")).is_file()
    for pick in visited.table.locator("tr.measured [data-pick]").all()[:2]:
        pick.check()
    maps = visited.page.locator(".panel:not([hidden]) [data-comparison]").get_by_role(
        "button", name="maps on"
    )
    maps.click()
    shown = visited.page.locator(".panel:not([hidden]) .gallery-query[open] td[data-of]:visible img")
    sync_api.expect(shown.first).to_be_in_viewport()
    assert visited.page.locator(".panel:not([hidden]) .gallery-query td:visible img").count() == 2 * int(
        re.sub(r"\D", "", maps.inner_text())
    )
    visited.page.context.close()
    assert visited.faults == []
