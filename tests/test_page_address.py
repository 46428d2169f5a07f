"""Addresses that no page has written: typed, cut off, made by others."""

from __future__ import annotations

import pytest
from support.browser import address, captions, fragment, images, needs_browser, opened

pytestmark = needs_browser


@pytest.mark.parametrize(
    ("address", "left_out"),
    [
        ("style=other", "style"),
        ("style=pen:constructor=1", "style"),
        ("style=pen:width=0.08~0.3", "style"),
        ("augment=constructor:p=1", "augment"),
        ("augment=light&augment=heavy", "augment"),
        ("augment=lines:kind=other", "augment"),
        ("constructor=5", "constructor"),
        ("__proto__=5", "__proto__"),
        ("signs=other", "signs"),
        ("dataset=constructor", "dataset"),
        ("image_width=", "image_width"),
        ("random_digits=3,", "random_digits"),
        ("<b>x</b>=1", "<b>x</b>"),
    ],
)
def test_what_no_control_can_show_is_left_out_as_a_whole(browser, served, address, left_out):
    with opened(browser, served.url) as page:
        page.goto(f"{served.url}/#number=7&seed=1&{address}")
        assert len(images(page)) == 12
        assert captions(page) == ["7"] * 12
        assert page.locator("#error-address").text_content().endswith(f"left them out: {left_out}.")
        assert page.locator(".error:not(#error-address):not(:empty)").count() == 0
        assert fragment(page) == {"number": ["7"], "seed": ["1"]}


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("number=1&number=2&seed=1", "2"),
        ("number=1&random_digits=3,4&seed=1", "1"),
        ("number=1#2&seed=1", "1#2"),
        ("number=1&image_width=0x40&seed=1", "1"),
        ("number=1&marks=0.5&seed=1", "1"),
        ("min_spacing=5&seed=1", "123456"),
    ],
)
def test_the_images_are_those_of_what_the_controls_show(browser, served, address, text):
    """Also where the service would take the address for something else, or refuse it."""
    with opened(browser, served.url) as page:
        page.goto(f"{served.url}/#{address}")
        assert len(images(page)) == 12
        assert captions(page) == [text] * 12
        assert page.locator(".error:not(:empty)").count() == 0


def test_many_unknown_names_are_not_all_listed(browser, served):
    with opened(browser, served.url) as page:
        page.goto(f"{served.url}/#" + "&".join(f"name{number}=1" for number in range(1000)))
        assert len(images(page)) == 12
        assert len(page.locator("#error-address").text_content()) < 300


def test_skipping_to_the_images_changes_no_setting(page):
    images(page)
    page.get_by_label("Text in every image").fill("55")
    page.wait_for_function("() => document.querySelector('.sample b').textContent === '55'")
    before = address(page)
    page.get_by_role("link", name="Skip to the images").focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(100)
    assert address(page) == before
    assert page.evaluate("document.activeElement.id") == "gallery"
    assert captions(page) == ["55"] * 12
    assert page.locator(".error:not(:empty)").count() == 0
