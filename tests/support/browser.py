"""A real browser, and what tests of the page ask it."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = pytest.mark.skipif(
    BROWSER is None and "CI" not in os.environ, reason="needs chromium: apt-get install chromium"
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
WIDE, PHONE, SMALL = {"width": 1280, "height": 860}, {"width": 390, "height": 844}, {"width": 320, "height": 640}
RESTED = '#gallery[aria-busy="false"]'


@contextlib.contextmanager
def launched() -> Iterator[Any]:
    from playwright import sync_api as playwright

    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield running
        running.close()


@contextlib.contextmanager
def opened(browser, url: str, **options: Any) -> Iterator[Any]:
    """A page with nothing loaded. At the end: no error in its console, and no request to anywhere but `url`."""
    context = browser.new_context(**{"viewport": WIDE, "accept_downloads": True} | options)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    # what the service refuses is said at its field, and by the browser in its console too
    page.on(
        "console",
        lambda said: wrong.append(said.text) if said.type == "error" and "Failed to load" not in said.text else None,
    )
    page.on("request", lambda asked: None if asked.url.startswith((url, "data:", "blob:")) else wrong.append(asked.url))
    yield page
    context.close()
    assert not wrong


def at_rest(page) -> None:
    page.wait_for_selector(RESTED, timeout=180_000)  # a pen's first image with a data set takes long


def images(page) -> list[bytes]:
    """The PNG files that are shown, once the page has come to rest."""
    at_rest(page)
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


def sent(page, action) -> dict[str, list[str]]:
    """The query of the last request for samples that `action` leads to."""
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if "/v1/samples.json" in one.url else None)
    change(page, action)
    return parse_qs(urlsplit(asked[-1]).query)


def address(page) -> str:
    """The address of the page, which `page.url` says a moment later."""
    return page.evaluate("location.href")


def fragment(page) -> dict[str, list[str]]:
    """What the address says."""
    return parse_qs(urlsplit(address(page)).fragment)


def seed(page):
    return page.get_by_role("textbox", name="Seed")


def error_at(page, field: str, contains: str) -> str:
    """The message at `field`, once it is there with these words."""
    page.wait_for_function(
        "([field, text]) => [...document.querySelectorAll(`[data-error='${field}']`)].some(line =>"
        " line.checkVisibility() && line.textContent.includes(text))",
        arg=[field, contains],
    )
    return page.locator(f"[data-error='{field}']:not(:empty)").text_content()


def write_with_a_pen(page) -> None:
    page.locator("[data-field=split]").select_option("test")
    page.get_by_text("Pen", exact=True).click()
    page.get_by_role("slider", name="Slant, smallest").fill("0.2")
    page.get_by_role("slider", name="Share with marks").fill("0.5")
