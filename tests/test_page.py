"""The page in a real browser: a person plays, sees, copies, downloads."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from support.browser import captions, change, error_at, images, needs_browser, seed, sent, write_with_a_pen
from support.paths import ROOT

from digitseq.options import options
from digitseq.runs.run_settings import Output
from digitseq.settings import Settings

pytestmark = needs_browser


def test_typing_and_moving_sliders_shows_other_images(page):
    change(page, lambda: page.get_by_label("Text in every image").fill("907"))
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
                          seed(page).input_value())  # fmt: skip
    assert drawn == asked["samples"][0]["boxes"]
    page.get_by_role("checkbox", name="Boxes").uncheck()
    assert not page.locator(".sample rect").first.is_visible()


FOLDER = "of the folder that a run writes into; the page sends one file"
# The settings of the command line that the page does not have, and why.
NOT_ON_THE_PAGE = {
    "numbers_file": "a file of the server; the list is for pasted texts",
    "transpose": "of folders of one's own, which requests cannot name",
    "split_ratio": FOLDER,
    "shard_size": FOLDER,
    "card": FOLDER,
    "name": FOLDER,
    "output_path": FOLDER,
    "overwrite": FOLDER,
    "resume": FOLDER,
    "start": FOLDER,
    "shards": "of several machines",
    "dask": "of several machines",
    "multi_core": "the service has threads of its own",
    "cache": "of the service",
    "preview": "the page is one",
    "preview_operations": "the page is one",
    "dry_run": "the page shows what would be made",
    "quiet": "of a terminal",
}


def test_every_setting_has_a_control(page):
    shown = page.eval_on_selector_all(
        "[data-field], [data-error]", "all => all.map(one => one.dataset.field ?? one.dataset.error)"
    )
    assert {*options(Settings), *options(Output)} - set(shown) == NOT_ON_THE_PAGE.keys()


def test_images_and_their_digits_have_the_height_that_is_set(page):
    change(page, lambda: page.get_by_label("Width, exact").fill("600"))
    change(page, lambda: page.get_by_label("Height, exact").fill("64"))
    assert page.eval_on_selector(".sample img", "image => image.naturalHeight") == 64
    page.get_by_text("More about the layout").click()
    change(page, lambda: page.get_by_role("checkbox", name="Height of a digit").check())
    change(page, lambda: page.get_by_label("Height of a digit, exact, value").fill("0.9"))
    tall = page.eval_on_selector_all(".sample rect", "all => all.map(r => +r.getAttribute('height'))")
    assert np.median(tall) == pytest.approx(0.9 * 64, abs=4)
    found = sent(page, lambda: page.get_by_role("checkbox", name="Height of a digit").uncheck())
    assert "glyph_height" not in found


def test_masks_are_shown_in_colour(page):
    images(page)
    assert page.locator(".sample canvas").count() == 0
    page.get_by_text("More about the layout").click()
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
    change(page, lambda: page.get_by_label("Text in every image").fill("12"))
    assert seed.input_value() == locked
    page.get_by_role("checkbox", name="Lock").uncheck()
    change(page, lambda: page.get_by_label("Text in every image").fill("123"))
    assert seed.input_value() != locked
    shown = change(page, lambda: seed.fill("5"))
    change(page, lambda: seed.fill("6"))
    assert change(page, lambda: seed.fill("5")) == shown


def test_a_pen_writes_as_the_sliders_say(page):
    change(page, lambda: page.get_by_role("slider", name="Spacing, smallest").fill("12"))
    change(page, lambda: page.locator("[data-field=split]").select_option("test"))
    found = sent(page, lambda: page.get_by_text("Pen", exact=True).click())
    assert found["style"] == ["pen"]
    assert not {"marks", "min_spacing", "max_spacing"} & set(found)  # a pen has gaps of its own
    assert not page.get_by_role("slider", name="Spacing, smallest").is_visible()
    usual = page.get_by_role("checkbox", name="Slant, as hands do")
    assert usual.is_checked()
    found = sent(page, lambda: page.get_by_role("slider", name="Slant, smallest").fill("0.2"))
    assert found["style"] == ["pen:slant=0.2..0.6"]
    assert not usual.is_checked()
    found = sent(page, lambda: page.get_by_label("Slant, smallest, exact", exact=True).fill("0.6"))
    assert found["style"] == ["pen:slant=0.6"]
    found = sent(page, lambda: page.get_by_label("Pen width, largest, exact").fill("0.123"))
    assert found["style"] == ["pen:width=0.04..0.123,slant=0.6"]
    found = sent(page, lambda: page.get_by_role("slider", name="Share with marks").fill("1"))
    assert found["marks"] == ["1"]
    found = sent(page, usual.check)
    assert found["style"] == ["pen:width=0.04..0.123"]
    assert page.get_by_label("Slant, smallest, exact", exact=True).input_value() == "-0.5"
    found = sent(page, lambda: page.get_by_text("Plain", exact=True).click())
    assert not {"style", "marks"} & set(found) and found["min_spacing"] == ["12"]
    assert not usual.is_visible()


def test_what_is_wrong_with_a_pen_stands_below_its_switch(page):
    change(page, lambda: write_with_a_pen(page))
    page.get_by_label("Size spread, smallest, exact").fill("0.4")
    assert "size_jitter must be " in error_at(page, "style", "pen")
    assert page.get_by_label("Size spread, smallest, exact").get_attribute("aria-describedby") == "error-style"


def test_the_page_waits_for_what_takes_long(page):
    """It says so, and asks again when the service tells it to."""
    images(page)
    held, address = [], "**/v1/samples.json?*style=pen*"
    page.route(address, lambda route: held.append(route))
    page.locator("[data-field=split]").select_option("test")
    with page.expect_request(address):
        page.get_by_text("Pen", exact=True).click()
    page.wait_for_function("() => document.getElementById('status').textContent.includes('up to a minute')")
    problem = {"status": 503, "detail": "the lines are being found"}
    with page.expect_request(address):
        held.pop().fulfill(
            status=503, headers={"Retry-After": "1"}, content_type="application/problem+json", body=json.dumps(problem)
        )
        page.wait_for_function("() => document.getElementById('status').textContent === 'The lines are being found'")
    assert page.locator("#gallery").get_attribute("aria-busy") == "true"
    held.pop().continue_()
    assert len(images(page)) == 12
    assert page.locator("#status").text_content().startswith("12 images")


def test_cells_of_a_spreadsheet_are_texts_of_their_own(page):
    page.get_by_role("radio", name="List").check()
    change(page, lambda: page.get_by_label("Texts, one a line").fill("11\t22\r\n 33 \t\n"))
    assert captions(page) == ["11", "22", "33"] * 4


def test_errors_stand_at_their_field(page):
    width = page.get_by_label("Width, exact")
    width.fill("20")
    assert "too narrow" in error_at(page, "image_width", "too narrow")
    line = page.locator('[data-error="image_width"]')
    assert width.get_attribute("aria-invalid") == "true"
    assert line.get_attribute("id") == width.get_attribute("aria-describedby")
    assert line.get_attribute("role") == "alert"
    assert page.locator("#status").text_content() == "No new images: see “Width”"  # the line may be out of sight
    width.fill("99999")
    error_at(page, "image_width", "10,000")  # the limit of this service, not of the program
    change(page, lambda: width.fill("250"))
    assert not line.is_visible()
    page.get_by_label("Text in every image").fill("12a")
    error_at(page, "number", "'a'")


def test_what_is_wrong_in_a_closed_part_is_seen(page):
    page.get_by_text("Basic distortion", exact=True).click()
    page.get_by_role("checkbox", name="Erode", exact=True).check()
    page.get_by_text("Basic distortion", exact=True).click()
    change(page, lambda: page.get_by_label("Text in every image").fill("77"))
    page.evaluate("""() => {
        const field = document.querySelector("[data-field=erode_kernel][type=number]");
        field.value = "99";
        field.dispatchEvent(new InputEvent("input", { bubbles: true }));
    }""")
    error_at(page, "erode_kernel", "15")


# What a person may do wrong, and where that is said.
MISTAKES = {
    "an empty text": (lambda page: page.get_by_label("Text in every image").fill(""), "number"),
    "letters that the data set lacks": (lambda page: page.get_by_label("Text in every image").fill("a1"), "number"),
    "a long text": (lambda page: page.get_by_label("Text in every image").fill("1" * 256), "number"),
    "a pattern": (lambda page: [chosen(page, "Pattern"), page.get_by_label("Regular expression").fill("[")], "pattern"),
    "lookahead": (lambda page: [chosen(page, "Pattern"), page.get_by_label("Regular expression").fill("1(?=2)")], "pattern"),
    "no list": (lambda page: [chosen(page, "List"), page.get_by_label("Texts, one a line").fill("")], "numbers"),
    "a list with letters": (lambda page: [chosen(page, "List"), page.get_by_label("Texts, one a line").fill("1\nab")], "numbers"),
    "no length": (lambda page: [chosen(page, "Random digits"), page.get_by_label("Number of digits, smallest, exact").first.fill("0")], "random_digits"),
    "lengths": (lambda page: [chosen(page, "Random digits"), page.get_by_label("Number of digits, smallest, exact").first.fill("99")], "random_digits"),
    "unique": (lambda page: [chosen(page, "Random digits"), *[page.get_by_label(f"Number of digits, {end}, exact").first.fill("1") for end in ("smallest", "largest")], page.get_by_label("All texts different").check()], "unique"),
    "a height": (lambda page: page.get_by_label("Height, exact").fill("5"), "image_height"),
    "no width": (lambda page: page.get_by_label("Width, exact").fill(""), "image_width"),
    "a spacing": (lambda page: page.get_by_label("Spacing, smallest, exact").fill("-200"), "min_spacing"),
    "spacings": (lambda page: page.get_by_label("Spacing, smallest, exact").fill("50"), "min_spacing"),
    "a seed": (lambda page: seed(page).fill("x"), "seed"),
    "a size": (lambda page: [page.get_by_label("Images", exact=True).fill("5000000000"), page.get_by_role("button", name="Download").click()], "size"),
    "no size": (lambda page: [page.get_by_label("Images", exact=True).fill(""), page.get_by_role("button", name="Download").click()], "size"),
}  # fmt: skip


def chosen(page, source: str) -> None:
    page.locator("#sources").get_by_text(source, exact=True).click()


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_said_in_the_words_of_the_page(page, mistake):
    action, name = MISTAKES[mistake]
    images(page)
    action(page)
    said = error_at(page, name, "")
    print(said)
    assert not re.search(r"--|`|_|\brun\.py|\bgive\b|-num|1,000,000,000", said)


def test_stale_answers_are_not_shown(page):
    """Of two requests the later one wins, even when the first is answered after it."""
    images(page)
    held, ended, address = [], [], "**/v1/samples.json?number=111*"
    page.route(address, lambda route: held.append(route))
    for event in ("requestfinished", "requestfailed"):
        page.on(event, lambda asked: ended.append(asked) if "number=111" in asked.url else None)
    with page.expect_request(address):
        page.get_by_label("Text in every image").fill("111")
    page.get_by_label("Text in every image").fill("222")
    images(page)
    assert captions(page) == ["222"] * 12
    (late,) = held
    late.continue_()
    while not ended:  # given up by the page, or answered
        page.evaluate("fetch('/healthz').then(answer => answer.text())")
    page.evaluate("fetch('/healthz').then(answer => answer.text())")  # an answer has been worked on by now
    assert captions(page) == ["222"] * 12


@pytest.mark.slow
def test_the_picture_in_the_readme_is_made_by_its_script(cache, tmp_path):
    script = ROOT / "example" / "make_screenshot.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, timeout=120)
    assert 50_000 < (tmp_path / "page.png").stat().st_size <= 300_000
