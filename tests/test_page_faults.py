"""What the page does with odd values, and with a service that does not answer as it should."""

from __future__ import annotations

import base64
import json
import subprocess
import zipfile

import pytest
from support.browser import address, at_rest, captions, change, images, needs_browser, opened
from support.service import serve

pytestmark = needs_browser
LARGEST_SEED = 2**64 - 1


def test_hundreds_of_short_texts_can_be_listed(page):
    """More than a query may have parameters, in fewer characters than it may have."""
    images(page)
    page.get_by_text("List", exact=True).click()
    page.get_by_label("Texts, one a line").fill("\r\n".join(map(str, range(300))))
    page.wait_for_function("() => document.querySelectorAll('.sample b')[1]?.textContent === '1'")
    assert captions(page) == [str(number) for number in range(12)]
    page.reload()
    at_rest(page)
    assert captions(page) == [str(number) for number in range(12)]
    assert page.locator(".error:not(:empty)").count() == 0


def test_a_large_seed_is_shown_as_it_is(browser, served):
    with opened(browser, served.url) as page:
        page.goto(f"{served.url}/#number=12&seed={LARGEST_SEED}")
        at_rest(page)
        page.locator(".sample-open").first.click()
        assert page.locator("#viewer-seed").text_content() == str(LARGEST_SEED)
        known = served.client.get(f"/v1/sequences/12.json?seed={LARGEST_SEED}").json()
        del known["image"]
        assert json.loads(page.locator("#viewer-label").text_content()) == known


@pytest.mark.parametrize("seed", ["007", "+7"])
def test_a_seed_with_signs_or_zeros_before_it_works_everywhere(browser, served, tmp_path, seed):
    with opened(browser, served.url) as page:
        page.goto(served.url)
        shown = change(page, lambda: page.get_by_role("textbox", name="Seed").fill(seed))
        page.get_by_text("curl", exact=True).click()
        command = page.locator("#recipe").text_content()
        subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True, capture_output=True)
        with zipfile.ZipFile(next(tmp_path.glob("*.zip"))) as archive:
            assert [archive.read(f"{number}.png") for number in range(1, 13)] == shown
        with page.expect_download() as waiting:
            page.get_by_role("button", name="Download").click()
        assert waiting.value.suggested_filename == "digitseq-7.zip"


@pytest.mark.parametrize("key", ["ключ", "0"])
def test_any_wrong_key_is_called_wrong(browser, cache, tmp_path, key):
    with serve(tmp_path, DIGITSEQ_API_KEY="secret") as locked, opened(browser, locked.url) as page:
        page.goto(locked.url)
        page.get_by_label("This service needs a key").fill(key)
        page.get_by_role("button", name="Use it").click()
        page.wait_for_selector("#key-error:not(:empty)")
        assert page.locator("#key-error").text_content() == "This key is wrong."
        page.get_by_label("This service needs a key").fill("secret")
        page.get_by_role("button", name="Use it").click()
        assert len(images(page)) == 12


def test_a_mask_belongs_to_its_image(browser, served):
    """The texts of a unique data set depend on how many images it has."""
    query = "random_digits=1,2&unique=true&image_width=60&seed=1"
    masks = served.client.get(f"/v1/samples.json?{query}&masks=true&count=12").json()["samples"]
    with opened(browser, served.url) as page:
        page.goto(f"{served.url}/#{query}")
        at_rest(page)
        page.locator(".sample-open").nth(3).click()
        page.wait_for_selector("#save-mask:enabled")
        with page.expect_download() as waiting:
            page.locator("#save-mask").click()
        assert waiting.value.path().read_bytes() == base64.b64decode(masks[3]["mask"])


def test_a_mask_is_of_the_settings_of_its_image(page, served):
    """Also when others are shown behind the open image meanwhile."""
    images(page)
    query = address(page).partition("#")[2]
    masks = served.client.get(f"/v1/samples.json?{query}&masks=true&count=12").json()["samples"]
    page.locator(".sample-open").first.click()
    page.wait_for_selector("#save-mask:enabled")
    page.evaluate("""() => {
        const text = document.querySelector('[data-field=number]');
        text.value = '99';
        text.dispatchEvent(new Event('input', {bubbles: true}));
    }""")
    page.wait_for_function("() => document.querySelector('.sample b').textContent === '99'")
    page.locator("#viewer-after").click()
    page.wait_for_selector("#save-mask:enabled")
    with page.expect_download() as waiting:
        page.locator("#save-mask").click()
    assert waiting.value.path().read_bytes() == base64.b64decode(masks[1]["mask"])


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500, "body": "null", "content_type": "application/json"},
        {"status": 502, "body": "<h1>Bad gateway</h1>", "content_type": "text/html"},
        {"status": 200, "body": "<h1>Welcome</h1>", "content_type": "text/html"},
        {"status": 200, "body": "null", "content_type": "application/json"},
        {"status": 422, "body": '{"detail": [{"msg": "x"}]}', "content_type": "application/json"},
    ],
    ids=lambda answer: f"{answer['status']} {answer['body'][:9]}",
)
def test_answers_that_are_not_the_services_are_said_to_be(page, answer):
    images(page)
    page.route("**/v1/samples.json*", lambda route: route.fulfill(**answer))
    page.get_by_label("Text in every image").fill("77")
    page.wait_for_selector("#error-general:not(:empty)")
    assert page.locator("#error-general").text_content().startswith("The service gave no answer that the page knows")
    assert page.locator("#gallery").get_attribute("aria-busy") == "false"
    assert page.locator("#copy").is_disabled()
    page.unroute("**/v1/samples.json*")
    page.get_by_label("Text in every image").fill("78")
    page.wait_for_function("() => document.querySelector('.sample b').textContent === '78'")
    assert page.locator(".error:not(:empty)").count() == 0


def test_the_address_follows_a_slider_that_is_dragged_for_long(page):
    """Browsers ignore changes of the address beyond 200 in 10 seconds. Playwright turns that off, so they are counted."""
    images(page)
    page.evaluate("""() => {
        const write = history.replaceState.bind(history);
        window.written = 0;
        history.replaceState = (...all) => { window.written++; write(...all); };
        const width = document.querySelector('input[type=range][aria-label="Width"]');
        for (let changes = 0; changes < 700; changes++) {
            width.value = 200 + changes % 390;
            width.dispatchEvent(new Event('input', {bubbles: true}));
        }
    }""")
    page.wait_for_function("() => document.querySelector('.sample img').naturalWidth === 509")
    page.wait_for_function("() => document.querySelector('#recipe').textContent.includes('image_width=509')")
    page.wait_for_function("() => location.hash.includes('image_width=509')")
    assert page.evaluate("window.written") < 150
