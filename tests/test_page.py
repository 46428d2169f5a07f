"""The page in a real browser: a person plays, sees, copies, downloads."""

from __future__ import annotations

import base64
import json
import os
import shlex
import shutil
import subprocess
import sys
import zipfile
from urllib.parse import parse_qs, urlsplit

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("playwright")
from playwright import sync_api as playwright
from support.cases import first
from support.paths import ROOT
from support.service import serve

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(
    BROWSER is None and "CI" not in os.environ, reason="needs chromium: apt-get install chromium"
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
WIDE, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def served(cache, tmp_path_factory):
    with serve(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def page(browser, served):
    """The page, loaded; a test fails on an error in its console or a request to anywhere else."""
    context = browser.new_context(
        viewport=WIDE, permissions=["clipboard-read", "clipboard-write"], accept_downloads=True
    )
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    # what the service refuses is said at its field, and by the browser in its console too
    opened.on(
        "console",
        lambda said: wrong.append(said.text) if said.type == "error" and "Failed to load" not in said.text else None,
    )
    opened.on(
        "request",
        lambda asked: None if asked.url.startswith((served.url, "data:", "blob:")) else wrong.append(asked.url),
    )
    opened.goto(served.url)
    opened.wait_for_selector(".sample")
    yield opened
    context.close()
    assert not wrong


def images(page) -> list[bytes]:
    """The PNG files that are shown, once the page has come to rest."""
    page.wait_for_selector('#gallery[aria-busy="false"]')
    sources = page.eval_on_selector_all(".sample img", "found => found.map(image => image.src)")
    return [base64.b64decode(source.partition("base64,")[2]) for source in sources]


def captions(page) -> list[str]:
    return page.eval_on_selector_all(".sample figcaption b", "found => found.map(text => text.textContent)")


def change(page, action) -> list[bytes]:
    """The images after `action`, which must be others than before."""
    before = images(page)
    action()
    after = images(page)
    assert len(after) == 12
    assert after != before
    return after


def test_typing_and_moving_sliders_shows_other_images(page):
    change(page, lambda: page.get_by_label("What to write").fill("907"))
    assert captions(page) == ["907"] * 12
    width = page.get_by_role("slider", name="Width")
    change(page, lambda: [width.focus(), *(page.keyboard.press("ArrowRight") for _ in range(20))])
    assert page.get_by_label("Width, exact").input_value() == "220"
    assert page.eval_on_selector(".sample img", "image => image.naturalWidth") == 220
    change(page, lambda: page.get_by_role("slider", name="Spacing, smallest").fill("30"))
    assert page.get_by_label("Spacing, largest, exact").input_value() == "30"
    change(page, lambda: page.get_by_text("Black ink on white paper").click())


def test_boxes_are_drawn_where_the_glyphs_are(page):
    images(page)
    assert not page.locator(".sample rect").first.is_visible()
    page.get_by_role("checkbox", name="Boxes").check()
    assert page.locator(".sample rect").first.is_visible()
    assert page.locator(".sample").first.locator("rect").count() == 6
    drawn = page.eval_on_selector_all(
        ".sample:first-child rect", "all => all.map(r => ['x', 'y', 'width', 'height'].map(a => +r.getAttribute(a)))"
    )
    asked = page.evaluate("seed => fetch(`/v1/samples.json?number=123456&seed=${seed}`).then(a => a.json())",
                          page.get_by_role("textbox", name="Seed").input_value())  # fmt: skip
    assert drawn == asked["samples"][0]["boxes"]
    page.get_by_role("checkbox", name="Boxes").uncheck()
    assert not page.locator(".sample rect").first.is_visible()


def test_every_setting_of_an_image_has_a_control(page):
    asked = page.evaluate("fetch('/v1/options').then(answer => answer.json())")["settings"]
    names = {about["name"] for about in asked if about["group"] in ("source", "data", "layout")}
    assert names <= set(page.eval_on_selector_all("[data-field]", "all => all.map(one => one.dataset.field)"))


def test_images_and_their_digits_have_the_height_that_is_set(page):
    change(page, lambda: page.get_by_label("Width, exact").fill("600"))
    change(page, lambda: page.get_by_label("Height, exact").fill("64"))
    assert page.eval_on_selector(".sample img", "image => image.naturalHeight") == 64
    change(page, lambda: page.get_by_label("Height of a digit").fill("0.9"))
    tall = page.eval_on_selector_all(".sample rect", "all => all.map(r => +r.getAttribute('height'))")
    assert np.median(tall) == pytest.approx(0.9 * 64, abs=4)
    change(page, lambda: page.get_by_label("Height of a digit").fill(""))
    assert "--glyph_height" not in page.locator("#recipe").text_content()


def test_masks_are_shown_in_colour(page):
    images(page)
    assert page.locator(".sample canvas").count() == 0
    page.get_by_label("Masks of the characters").check()
    page.wait_for_selector(".sample canvas")
    colours = """drawing => {
        const data = drawing.getContext("2d").getImageData(0, 0, drawing.width, drawing.height).data;
        return [...new Set(Array.from({ length: data.length / 4 }, (_, k) => data.slice(4 * k, 4 * k + 4).join()))].length;
    }"""
    page.wait_for_function(f"({colours})(document.querySelector('.sample canvas')) > 1")
    assert page.eval_on_selector(".sample canvas", colours) == 7  # of six characters, and nothing


def test_seed_again_and_lock(page):
    seed = page.get_by_role("textbox", name="Seed")
    first = seed.input_value()
    change(page, lambda: page.get_by_role("button", name="New images").click())
    assert seed.input_value() != first
    locked = seed.input_value()
    change(page, lambda: page.get_by_label("What to write").fill("12"))
    assert seed.input_value() == locked
    page.get_by_role("checkbox", name="Lock").uncheck()
    change(page, lambda: page.get_by_label("What to write").fill("123"))
    assert seed.input_value() != locked
    shown = change(page, lambda: seed.fill("5"))
    change(page, lambda: seed.fill("6"))
    assert change(page, lambda: seed.fill("5")) == shown


def write_with_a_pen(page) -> None:
    page.locator("#glyphs select").nth(1).select_option("test")
    page.get_by_text("Pen", exact=True).click()
    page.get_by_role("slider", name="Slant, smallest").fill("0.2")
    page.get_by_role("slider", name="Share with marks").fill("0.5")


def sent(page, action) -> dict[str, list[str]]:
    """The query of the last request for samples that `action` leads to."""
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if "/v1/samples.json" in one.url else None)
    change(page, action)
    return parse_qs(urlsplit(asked[-1]).query)


def test_a_pen_writes_as_the_sliders_say(page):
    change(page, lambda: page.get_by_role("slider", name="Spacing, smallest").fill("12"))
    change(page, lambda: page.locator("#glyphs select").nth(1).select_option("test"))
    found = sent(page, lambda: page.get_by_text("Pen", exact=True).click())
    assert found["style"] == ["pen"]
    assert not {"marks", "min_spacing", "max_spacing"} & set(found)  # a pen has gaps of its own
    assert not page.get_by_role("slider", name="Spacing, smallest").is_visible()
    usual = page.get_by_role("checkbox", name="Slant, as hands do")
    assert usual.is_checked()
    found = sent(page, lambda: page.get_by_role("slider", name="Slant, smallest").fill("0.2"))
    assert found["style"] == ["pen:slant=0.2..0.6"]
    assert not usual.is_checked()
    found = sent(page, lambda: page.get_by_label("Slant, smallest, exact").fill("0.6"))
    assert found["style"] == ["pen:slant=0.6"]
    found = sent(page, lambda: page.get_by_label("Pen width, largest, exact").fill("0.123"))
    assert found["style"] == ["pen:width=0.04..0.123,slant=0.6"]
    found = sent(page, lambda: page.get_by_role("slider", name="Share with marks").fill("1"))
    assert found["marks"] == ["1"]
    found = sent(page, usual.check)
    assert found["style"] == ["pen:width=0.04..0.123"]
    assert page.get_by_label("Slant, smallest, exact").input_value() == "-0.5"
    found = sent(page, lambda: page.get_by_text("Glyph", exact=True).click())
    assert not {"style", "marks"} & set(found) and found["min_spacing"] == ["12"]
    assert not usual.is_visible()


def test_what_is_wrong_with_a_pen_stands_below_its_switch(page):
    change(page, lambda: write_with_a_pen(page))
    page.get_by_label("Size spread, smallest, exact").fill("0.4")
    page.wait_for_selector('[data-error="style"]:not(:empty)')
    assert page.locator('[data-error="style"]').text_content().startswith("style: pen: size_jitter must be ")
    assert page.get_by_label("Size spread, smallest, exact").get_attribute("aria-describedby") == "error-style"


def test_the_page_waits_for_what_takes_long(page):
    """It says so, and asks again when the service tells it to."""
    images(page)
    held, address = [], "**/v1/samples.json?*style=pen*"
    page.route(address, lambda route: held.append(route))
    page.locator("#glyphs select").nth(1).select_option("test")
    with page.expect_request(address):
        page.get_by_text("Pen", exact=True).click()
    page.wait_for_function("() => document.getElementById('status').textContent.includes('up to a minute')")
    problem = {"status": 503, "detail": "the lines are being found"}
    with page.expect_request(address):
        held.pop().fulfill(
            status=503, headers={"Retry-After": "1"}, content_type="application/problem+json", body=json.dumps(problem)
        )
        page.wait_for_function("() => document.getElementById('status').textContent === 'the lines are being found'")
    assert page.locator("#gallery").get_attribute("aria-busy") == "true"
    held.pop().continue_()
    assert len(images(page)) == 12
    assert page.locator("#status").text_content().startswith("12 images")


LOOKS = {
    "plain": lambda page: page.get_by_label("What to write").fill("2026"),
    "distorted": lambda page: [
        page.get_by_text("light", exact=True).click(),
        page.get_by_text("Single operations").click(),
        page.get_by_text("elastic", exact=True).click(),
        page.get_by_role("slider", name="alpha, largest").fill("60"),
        page.get_by_text("Black ink on white paper").click(),
    ],
    "pen": write_with_a_pen,
    "random": lambda page: page.get_by_text("Random digits", exact=True).click(),
    "amounts": lambda page: page.get_by_text("Amounts", exact=True).click(),
    "phone": lambda page: [page.get_by_text("Phone", exact=True).click(), page.get_by_label("Width, exact").fill("0")],
    "pattern": lambda page: page.get_by_text("Pattern", exact=True).click(),
}


@pytest.mark.parametrize("look", first([*LOOKS], plain=3))
def test_the_copied_command_makes_the_images_shown(page, run, tmp_path, look):
    shown = change(page, lambda: LOOKS[look](page))
    page.get_by_role("button", name="Copy").click()
    command = page.evaluate("navigator.clipboard.readText()")
    assert command == page.locator("#recipe").text_content()
    done = run(*shlex.split(command)[2:], "-o", "out")
    assert done.returncode == 0, done.stderr
    folder = next((tmp_path / "out").iterdir())
    assert [(folder / f"{number}.png").read_bytes() for number in range(1, 13)] == shown
    texts = [json.loads(line)["text"] for line in (folder / "metadata.jsonl").read_text().splitlines()]
    assert texts == captions(page)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl: apt-get install curl")
@pytest.mark.parametrize("look", ["distorted", "pen"])
def test_the_copied_curl_command_fetches_the_images_shown(page, tmp_path, look):
    shown = change(page, lambda: LOOKS[look](page))
    page.get_by_text("curl", exact=True).click()
    page.get_by_role("button", name="Copy").click()
    command = page.evaluate("navigator.clipboard.readText()")
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.zip"))) as archive:
        assert [archive.read(f"{number}.png") for number in range(1, 13)] == shown


def test_the_python_code_is_shown(page):
    images(page)
    page.get_by_text("Python", exact=True).click()
    code = page.locator("#recipe").text_content()
    assert "SequenceGenerator(Settings(number='123456'), seed=" in code
    compile(code, "page", "exec")


def test_the_python_code_makes_the_images_shown(page):
    shown = change(page, lambda: write_with_a_pen(page))
    page.get_by_text("Python", exact=True).click()
    made: dict = {}
    exec(page.locator("#recipe").text_content(), made)
    for image, file in zip(made["images"], shown, strict=True):
        assert np.array_equal(image, cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_GRAYSCALE))


def test_a_data_set_is_downloaded(page, tmp_path):
    shown = images(page)
    page.get_by_label("Images", exact=True).fill("50")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download").click()
    waiting.value.save_as(tmp_path / "set.zip")
    with zipfile.ZipFile(tmp_path / "set.zip") as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 51
        assert [archive.read(f"{number}.png") for number in range(1, 13)] == shown
    for format_ in page.evaluate("fetch('/v1/options').then(answer => answer.json())")["formats"]:
        page.locator("#format").select_option(format_["name"])
        assert page.locator("#format-hint").text_content().lower() == f"{format_['help']}.".lower()
    page.get_by_label("Images", exact=True).fill("100001")
    page.get_by_role("button", name="Download").click()
    page.wait_for_selector("#error-size:not(:empty)")
    assert "100,000" in page.locator("#error-size").text_content()


def test_errors_stand_at_their_field(page):
    width = page.get_by_label("Width, exact")
    width.fill("20")
    line = page.locator('[data-error="image_width"]')
    line.wait_for()
    assert "too narrow" in line.text_content()
    assert width.get_attribute("aria-invalid") == "true"
    assert line.get_attribute("id") == width.get_attribute("aria-describedby")
    assert line.get_attribute("role") == "alert"
    width.fill("99999")
    page.wait_for_function(
        "text => document.querySelector('[data-error=image_width]').textContent.includes(text)", arg="65,535"
    )
    change(page, lambda: width.fill("250"))
    assert not line.is_visible()
    page.get_by_label("What to write").fill("12a")
    page.wait_for_selector(".error:not(:empty)")
    assert any("'a'" in text for text in page.locator(".error").all_text_contents())


def test_stale_answers_are_not_shown(page):
    """Of two requests the later one wins, even when the first is answered after it."""
    images(page)
    held, ended, address = [], [], "**/v1/samples.json?number=111*"
    page.route(address, lambda route: held.append(route))
    for event in ("requestfinished", "requestfailed"):
        page.on(event, lambda asked: ended.append(asked) if "number=111" in asked.url else None)
    with page.expect_request(address):
        page.get_by_label("What to write").fill("111")
    page.get_by_label("What to write").fill("222")
    images(page)
    assert captions(page) == ["222"] * 12
    (late,) = held
    late.continue_()
    while not ended:  # given up by the page, or answered
        page.evaluate("fetch('/healthz').then(answer => answer.text())")
    page.evaluate("fetch('/healthz').then(answer => answer.text())")  # an answer has been worked on by now
    assert captions(page) == ["222"] * 12


def test_the_keyboard_reaches_everything(page):
    seen = set()
    page.keyboard.press("Tab")
    for _ in range(40):
        seen.add(
            page.evaluate(
                "document.activeElement.id || document.activeElement.ariaLabel || document.activeElement.value"
            )
        )
        page.keyboard.press("Tab")
    assert {"theme", "number", "Width", "Spacing, smallest", "Spacing, largest", "none", "seed", "again", "lock", "boxes", "copy", "size", "format", "fetch"} <= seen  # fmt: skip


def test_everything_has_a_name_for_a_screen_reader(page):
    images(page)
    page.get_by_text("Single operations").click()
    page.get_by_text("erode", exact=True).click()
    nameless = page.evaluate("""() => [...document.querySelectorAll("input, select, button, img")].filter(found =>
        !(found.ariaLabel || found.alt || found.textContent.trim() || found.labels?.length)).map(found => found.outerHTML)""")
    assert nameless == []
    assert page.evaluate("document.documentElement.lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_nothing_sticks_out_and_text_is_readable(browser, served, size, scheme):
    context = browser.new_context(viewport=size, color_scheme=scheme)
    opened = context.new_page()
    opened.goto(served.url)
    opened.wait_for_selector(".sample")
    assert opened.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert opened.locator(".sample").first.bounding_box()["y"] < size["height"] / 2
    for chosen in ("body", ".hint", "h2", "#fetch", ".sample figcaption b"):
        assert contrast(opened, chosen) >= 4.5, chosen
    context.close()


def contrast(page, selector: str) -> float:
    """The contrast of text and what is behind it, as the WCAG computes it."""
    return page.eval_on_selector(
        selector,
        """element => {
        const light = (colour) => {
            const [r, g, b] = colour.match(/[\\d.]+/g).map(Number)
                .map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        let behind = element;
        while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
        const [a, b] = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor].map(light).sort();
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    }""",
    )


def test_the_theme_is_chosen_and_kept(page):
    colour = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(colour)
    page.locator("#theme").click()
    after = page.evaluate(colour)
    assert after != before
    page.reload()
    assert page.evaluate(colour) == after


def test_a_key_is_asked_for(browser, cache, tmp_path):
    with serve(tmp_path, DIGITSEQ_API_KEY="secret") as locked:
        opened = browser.new_page()
        opened.goto(locked.url)
        opened.get_by_label("This service needs a key").fill("secret")
        opened.keyboard.press("Enter")
        opened.wait_for_selector(".sample")
        opened.close()


def test_the_documentation_is_shown(page, served):
    page.goto(f"{served.url}/docs")
    page.wait_for_selector(".opblock")
    assert page.locator(".opblock").count() >= 8


@pytest.mark.slow
def test_the_picture_in_the_readme_is_made_by_its_script(cache, tmp_path):
    script = ROOT / "example" / "make_screenshot.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, timeout=120)
    assert 50_000 < (tmp_path / "page.png").stat().st_size <= 300_000
