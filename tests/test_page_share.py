"""What a person takes away from the page: links, commands, code, files."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import zipfile

import cv2
import httpx
import numpy as np
import pytest
from support.browser import (
    address,
    captions,
    change,
    error_at,
    fragment,
    images,
    needs_browser,
    opened,
    seed,
    write_with_a_pen,
)
from support.cases import first
from support.processes import wait_until

pytestmark = needs_browser


LOOKS = {
    "plain": lambda page: page.get_by_label("Text in every image").fill("2026"),
    "distorted": lambda page: [
        page.get_by_text("Light", exact=True).click(),
        page.get_by_text("Single operations").click(),
        page.get_by_text("elastic", exact=True).click(),
        page.get_by_role("slider", name="alpha, largest").fill("60"),
        page.get_by_text("Black ink on white paper").click(),
    ],
    "pen": write_with_a_pen,
    "random": lambda page: page.get_by_text("Random digits", exact=True).click(),
    "amounts": lambda page: page.get_by_text("Amounts", exact=True).click(),
    "phone": lambda page: [
        page.get_by_text("Phone numbers", exact=True).click(),
        page.get_by_label("Width, exact").fill("0"),
    ],
    "pattern": lambda page: page.get_by_text("Pattern", exact=True).click(),
    "list": lambda page: [
        page.get_by_text("List", exact=True).click(),
        page.get_by_label("Texts, one a line").fill("-12\n\n 007 \n1.5"),
    ],
    "basic": lambda page: [
        page.get_by_text("Basic distortion", exact=True).click(),
        page.get_by_label("All four as usual").check(),
        page.get_by_label("Each at random").check(),
        page.get_by_role("checkbox", name="Dilate").check(),
    ],
}


@pytest.mark.parametrize("look", first([*LOOKS], plain=3))
def test_the_copied_command_makes_the_images_shown(page, run, tmp_path, look):
    shown = change(page, lambda: LOOKS[look](page))
    page.get_by_text("Command", exact=True).click()
    command = copied(page)
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
    command = copied(page)
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
    page.locator("#label-files summary").click()
    page.get_by_label("labels.csv (easyocr)").check()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download").click()
    waiting.value.save_as(tmp_path / "set.zip")
    with zipfile.ZipFile(tmp_path / "set.zip") as archive:
        assert archive.testzip() is None
        assert {"metadata.jsonl", "labels.csv"} < set(archive.namelist())
        assert len(archive.namelist()) == 52
        assert [archive.read(f"{number}.png") for number in range(1, 13)] == shown


@pytest.mark.parametrize("format_", ["webdataset", "lmdb", "parquet", "npz"])
def test_every_format_is_downloaded_whole(page, tmp_path, format_):
    """The file that a plain request gets, whose pieces do not say how far it is."""
    images(page)
    page.get_by_label("Images", exact=True).fill("3000")
    page.locator("#format").select_option(format_)
    assert not page.locator("#label-files").is_visible()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download").click()
    waiting.value.save_as(tmp_path / "file")
    body = {"number": "123456", "seed": int(seed(page).input_value()), "size": 3000, "format": format_}
    plain = httpx.post(f"{page.url.partition('#')[0]}v1/datasets", json=body).content
    if format_ == "lmdb":  # whose bytes depend on when its pages were written
        assert len((tmp_path / "file").read_bytes()) == len(plain)
    else:
        assert (tmp_path / "file").read_bytes() == plain
    page.wait_for_function("() => document.getElementById('progress').textContent.includes(' MB')")
    assert not page.locator("#bar").is_visible()


def test_a_data_set_shows_its_progress_and_can_be_cancelled(page, served):
    images(page)
    page.get_by_label("Images", exact=True).fill("100000")
    page.get_by_text("Heavy", exact=True).click()
    page.get_by_role("button", name="Download").click()
    page.wait_for_function("() => document.getElementById('bar').value > 0")
    assert re.fullmatch(r"[\d,]+ of 100,000 images, [\d.]+ MB", page.locator("#progress").text_content())
    asks_before_leaving = "() => !dispatchEvent(new Event('beforeunload', { cancelable: true }))"
    assert page.evaluate(asks_before_leaving)
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_function("() => document.getElementById('progress').textContent === 'Cancelled.'")
    assert not page.evaluate(asks_before_leaving)
    assert page.get_by_role("button", name="Download").is_visible()
    wait_until(lambda: served.busy() == 0)


def test_why_nothing_is_downloaded_stands_beside_the_button_and_stays(page):
    images(page)
    problem = {"status": 429, "detail": "", "message": "2 data sets of your address are under way already"}
    page.route("**/v1/datasets", lambda route: route.fulfill(status=429, json=problem))
    page.get_by_role("button", name="Download").click()
    said = page.locator("#progress")
    said.get_by_text("2 data sets of your address are under way already").wait_for()
    change(page, lambda: page.get_by_label("Text in every image").fill("77"))
    assert said.is_visible() and page.locator("#error-general").text_content() == ""
    page.unroute("**/v1/datasets")
    with page.expect_download():
        page.get_by_role("button", name="Download").click()
    assert "under way" not in said.text_content()


def test_a_list_makes_an_image_of_each_text_until_a_number_is_set(page):
    size = page.get_by_label("Images", exact=True)
    change(page, lambda: LOOKS["list"](page))
    assert size.input_value() == "3"
    change(page, lambda: page.get_by_label("Texts, one a line").fill("1\n2"))
    assert size.input_value() == "2"
    page.get_by_label("All texts different").check()
    images(page)
    assert captions(page) == ["1", "2"]
    size.fill("5")
    page.get_by_label("Texts, one a line").fill("1\n2\n3")
    images(page)
    assert size.input_value() == "5"


def test_a_size_beyond_the_limit_is_said_until_it_is_mended(page):
    page.get_by_label("Images", exact=True).fill("100001")
    page.get_by_role("button", name="Download").click()
    error_at(page, "size", "100,000")
    page.get_by_label("Images", exact=True).fill("10000")
    assert not page.locator("#error-size").is_visible()


def test_the_address_brings_the_images_back(page, browser, served):
    """A reload, the way back, and a link that somebody else opens."""
    first = images(page)
    assert fragment(page) == {"number": ["123456"], "seed": [seed(page).input_value()]}
    distorted = change(page, lambda: LOOKS["distorted"](page))
    there = address(page)
    page.reload()
    assert images(page) == distorted
    assert address(page) == there
    pen = change(page, lambda: write_with_a_pen(page))
    with opened(browser, served.url) as other:
        other.goto(address(page))
        other.wait_for_selector(".sample")
        assert images(other) == pen
        assert other.get_by_label("Slant, smallest, exact", exact=True).input_value() == "0.2"
    back_to(page, lambda: address(page) == there)
    wait_until(lambda: images(page) == distorted)  # the page hears of a new address after it is there
    assert not page.get_by_label("Slant, smallest, exact", exact=True).is_visible()
    back_to(page, lambda: fragment(page).keys() == {"number", "seed"})
    wait_until(lambda: images(page) == first)


def back_to(page, there) -> None:
    for _ in range(12):
        if there():
            return
        page.go_back()
    raise AssertionError(address(page))


@pytest.mark.parametrize("look", LOOKS)
def test_every_look_survives_a_reload(page, look):
    shown = change(page, lambda: LOOKS[look](page))
    page.reload()
    assert images(page) == shown


def test_a_slider_that_is_dragged_is_one_step_back(page):
    images(page)
    page.get_by_label("Text in every image").fill("12")
    page.get_by_label("Text in every image").blur()
    before = images(page)
    width = page.get_by_role("slider", name="Width")
    box = width.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 2)
    page.mouse.down()
    for step in range(10):
        page.mouse.move(box["x"] + box["width"] / 3 + 8 * step, box["y"] + box["height"] / 2)
    page.mouse.up()
    assert images(page) != before
    page.go_back()
    wait_until(lambda: images(page) == before)


def test_back_closes_the_large_view(page):
    first = images(page)
    page.get_by_label("Text in every image").fill("12")
    page.get_by_label("Text in every image").blur()
    second, there = images(page), address(page)
    dialog = page.get_by_role("dialog")
    for _ in range(2):
        page.locator(".sample-open").nth(1).click()
        dialog.wait_for()
        page.go_back()
        dialog.wait_for(state="hidden")
        assert (images(page), address(page)) == (second, there)
    page.go_back()
    wait_until(lambda: images(page) == first)


@pytest.mark.parametrize("changed", [False, True], ids=["nothing changed", "a setting changed"])
def test_a_large_view_that_was_closed_is_no_step_back(page, changed):
    first = images(page)
    page.get_by_label("Text in every image").fill("12")
    page.get_by_label("Text in every image").blur()
    before = images(page)
    for _ in range(3):
        page.locator(".sample-open").nth(1).click()
        page.get_by_role("button", name="Close").click()
    if changed:
        page.get_by_label("Text in every image").fill("123")
        page.get_by_label("Text in every image").blur()
        assert images(page) != before
        page.go_back()
        wait_until(lambda: images(page) == before)
    page.go_back()
    wait_until(lambda: images(page) == first)


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_a_link_is_followed_whatever_was_shown_large(page, served, closed):
    images(page)
    page.locator(".sample-open").nth(1).click()
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    if closed:
        page.keyboard.press("Escape")
    page.goto(f"{served.url}/#number=66&seed=1")
    wait_until(lambda: captions(page) == ["66"] * 12)
    assert not dialog.is_visible()
    assert fragment(page) == {"number": ["66"], "seed": ["1"]}


def test_what_an_address_says_and_no_control_shows_is_named(browser, served):
    with opened(browser, served.url) as page:
        page.goto(f"{served.url}/#number=7&color=red&image_width=wide&augment=light&augment=heavy&seed=1")
        page.wait_for_selector(".sample")
        said = page.locator("#error-address").text_content()
        assert all(name in said for name in ("color", "image_width", "augment"))
        assert captions(page) == ["7"] * 12


def test_settings_of_an_address_that_mean_nothing_beside_the_others_are_left_out(browser, served):
    with opened(browser, served.url) as page:
        page.goto(f"{served.url}/#number=7&marks=0.5&gap_labels=keep&seed=1")
        images(page)
        assert captions(page) == ["7"] * 12
        assert fragment(page) == {"number": ["7"], "seed": ["1"]}


def test_a_sample_opens_large(page, tmp_path):
    shown = images(page)
    page.locator(".sample-open").nth(1).click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_text("Image 2").is_visible()
    assert page.locator("#viewer-seed").text_content() == seed(page).input_value()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save image").click()
    waiting.value.save_as(tmp_path / "2.png")
    assert (tmp_path / "2.png").read_bytes() == shown[1]
    page.get_by_role("button", name="Copy label").click()
    page.get_by_role("button", name="Copied").wait_for()
    label = json.loads(page.evaluate("navigator.clipboard.readText()"))
    asked = page.evaluate("seed => fetch(`/v1/sequences/123456.json?index=1&seed=${seed}`).then(a => a.json())", seed(page).input_value())  # fmt: skip
    assert label == {name: asked[name] for name in ("text", "seed", "index", "width", "height", "boxes")}
    page.locator("#save-mask:enabled").wait_for()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save mask").click()
    waiting.value.save_as(tmp_path / "mask.png")
    assert set(np.unique(cv2.imread(str(tmp_path / "mask.png"), cv2.IMREAD_UNCHANGED))) == set(range(7))
    dialog.get_by_label("Mask", exact=True).check()
    dialog.get_by_label("Boxes", exact=True).check()
    assert dialog.locator("canvas").is_visible() and dialog.locator("rect").count() == 6
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert page.evaluate("document.activeElement.ariaLabel").startswith("Image 2,")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Next image").click()
    page.get_by_text("Image 3", exact=True).wait_for()


def test_nothing_can_be_copied_while_something_is_wrong(page):
    images(page)
    page.get_by_text("Command", exact=True).click()
    page.get_by_label("Width, exact").fill("20")
    error_at(page, "image_width", "narrow")
    assert page.get_by_role("button", name="Copy", exact=True).is_disabled()
    assert page.locator("#recipe").text_content() == ""
    page.get_by_label("Width, exact").fill("300")
    images(page)
    assert "-iw 300" in copied(page)


def copied(page) -> str:
    page.get_by_role("button", name="Copy", exact=True).click()
    page.get_by_role("button", name="Copied").wait_for()
    return page.evaluate("navigator.clipboard.readText()")


def test_the_link_is_copied_first(page):
    """No word of a command line before it is asked for."""
    images(page)
    assert copied(page) == address(page)
    assert (
        "on this computer only" in page.locator("#recipe-hint").text_content()
    )  # the service is on a loopback address
    assert not re.search(r"--|run\.py|`|-num", page.locator("body").inner_text())
