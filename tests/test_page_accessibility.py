"""The page for everybody: by keyboard, for screen readers, in both colour schemes, on phones, with a key."""

from __future__ import annotations

import os
import subprocess
import zipfile

import pytest
from support.browser import PHONE, SMALL, WIDE, at_rest, error_at, images, needs_browser, opened
from support.service import serve

pytestmark = needs_browser


def test_the_keyboard_reaches_everything(page):
    seen = set()
    page.keyboard.press("Tab")
    for _ in range(60):
        seen.add(
            page.evaluate(
                "document.activeElement.id || document.activeElement.ariaLabel || document.activeElement.value"
            )
        )
        page.keyboard.press("Tab")
    assert {"theme", "number", "Width", "Spacing, smallest", "Spacing, largest", "none", "seed", "again", "lock", "boxes", "link", "copy", "size", "format", "fetch"} <= seen  # fmt: skip


def test_everything_has_a_name_for_a_screen_reader(page):
    images(page)
    page.get_by_text("Single operations").click()
    page.get_by_text("erode", exact=True).click()
    nameless = page.evaluate("""() => [...document.querySelectorAll("input, select, button, img")].filter(found =>
        !(found.ariaLabel || found.alt || found.textContent.trim() || found.labels?.length)).map(found => found.outerHTML)""")
    assert nameless == []
    assert page.evaluate("document.documentElement.lang") == "en"


OPEN_ALL = "() => { for (const one of document.querySelectorAll('details')) one.open = true; }"
# What the page can look like.
SCENES = {
    "first": lambda page: None,
    "everything open": lambda page: [
        page.locator("[data-field=split]").select_option("test"),
        page.get_by_text("Pen", exact=True).click(),
        page.evaluate(OPEN_ALL),
        page.get_by_text("elastic", exact=True).click(),
        page.get_by_role("checkbox", name="Erode", exact=True).check(),
    ],
    "list": lambda page: page.get_by_text("List", exact=True).click(),
    "mistake": lambda page: [
        page.get_by_text("Command", exact=True).click(),
        page.get_by_label("Width, exact").fill("20"),
        error_at(page, "image_width", "narrow"),
    ],
    "large": lambda page: [page.locator(".sample-open").first.click(), page.locator("#save-mask:enabled").wait_for()],
}


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_axe_finds_nothing_serious(browser, served, size):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = {}
    with opened(browser, served.url, viewport=size) as page:
        for scene, act in SCENES.items():
            page.goto("about:blank")
            page.goto(served.url)
            images(page)
            act(page)
            at_rest(page)
            for scheme in SCHEMES[size["width"]]:
                page.emulate_media(color_scheme=scheme)
                wrong = axe.run(page, options=AXE).response["violations"]
                found[scene, scheme] = [
                    (one["id"], node["target"], node["failureSummary"]) for one in wrong
                    if one["impact"] in ("serious", "critical") for node in one["nodes"]
                ]  # fmt: skip
    assert not any(found.values()), found


SCHEMES = {WIDE["width"]: ["light", "dark"], SMALL["width"]: ["dark"]}
AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.mark.parametrize("size", [PHONE, SMALL], ids=["390", "320"])
def test_a_phone_shows_all_samples_and_never_scrolls_sideways(browser, served, size):
    with opened(browser, served.url, viewport=size, has_touch=True, is_mobile=True) as page:
        for settings in (
            "number=123456",
            f"number={'1234567890' * 5}&image_width=0",
            "random_digits=1,50&image_width=0",
        ):
            page.goto("about:blank")
            page.goto(f"{served.url}/#{settings}&seed=3")
            at_rest(page)
            page.evaluate(OPEN_ALL)
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
            assert page.locator(".sample").first.bounding_box()["y"] < size["height"] / 2
            for one in page.locator(".sample").all():
                one.scroll_into_view_if_needed()
                box = one.bounding_box()
                assert box["x"] >= 0 and box["x"] + box["width"] <= size["width"]


@pytest.mark.parametrize("ratio", [1, 1.5, 2])
def test_samples_are_sharp(browser, served, ratio):
    """A pixel of an image is a square of whole screen pixels, or it is scaled smoothly."""
    with opened(browser, served.url, device_scale_factor=ratio) as page:
        for width in (100, 200, 777, 3000):
            page.goto("about:blank")
            page.goto(f"{served.url}/#number=123456&image_width={width}&seed=1")
            images(page)
            scale, rendering = page.eval_on_selector(
                ".sample img",
                "one => [one.clientWidth * devicePixelRatio / one.naturalWidth, getComputedStyle(one).imageRendering]",
            )
            if rendering == "pixelated":
                assert abs(scale - round(scale)) < 0.02 and scale > 0.9
            else:
                assert width > 800
            assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_header_and_content_share_one_grid(browser, served):
    with opened(browser, served.url, viewport={"width": 1920, "height": 900}) as page:
        page.goto(served.url)
        images(page)
        left, right = (
            page.evaluate(f"document.querySelector('{one}').getBoundingClientRect().x") for one in (".mark", "#sources")
        )
        assert left == right
        ends = [
            page.evaluate(f"document.querySelector('{one}').getBoundingClientRect().right")
            for one in (".bar", "#bench")
        ]
        assert ends[0] == ends[1]


def test_the_theme_is_chosen_and_kept(page):
    colour = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(colour)
    page.locator("#theme").click()
    after = page.evaluate(colour)
    assert after != before
    page.reload()
    assert page.evaluate(colour) == after


def test_a_key_is_asked_for(browser, cache, tmp_path):
    with serve(tmp_path, DIGITSEQ_API_KEY="secret") as locked, opened(browser, locked.url) as page:
        page.goto(locked.url)
        field = page.get_by_label("This service needs a key")
        field.wait_for()
        assert not page.locator("#bench").is_visible()
        assert page.evaluate("document.activeElement.id") == "key-field"
        field.fill("guess")
        page.keyboard.press("Enter")
        page.get_by_text("This key is wrong.").wait_for()
        assert not page.locator("#bench").is_visible()
        field.fill("secret")
        page.keyboard.press("Enter")
        shown = images(page)
        assert not field.is_visible()
        page.reload()
        assert images(page) == shown
        page.get_by_text("curl", exact=True).click()
        command = page.locator("#recipe").text_content()
        assert "secret" not in command
        variables = os.environ | {"DIGITSEQ_API_KEY": "secret"}
        subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True, capture_output=True, env=variables)
        with zipfile.ZipFile(next(tmp_path.glob("*.zip"))) as archive:
            assert archive.read("1.png") == shown[0]


def test_the_documentation_is_shown(page, served):
    page.goto(f"{served.url}/docs")
    page.wait_for_selector(".opblock")
    assert page.locator(".opblock").count() >= 8
