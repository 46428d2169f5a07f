"""Makes `page.png`, the web page in a browser: `python example/make_screenshot.py [folder]`. Needs chromium."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from playwright.sync_api import sync_playwright  # noqa: E402
from support.service import serve  # noqa: E402  # the checkout beside this file, installed or not

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
SIZE = {"width": 1280, "height": 850}


def make_screenshot(folder: Path) -> None:
    """`page.png`: augmented random digits with their boxes."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as scratch, serve(Path(scratch)) as served, sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=browser, args=list(FLAGS))
        page = running.new_page(viewport=SIZE, color_scheme="light")
        page.goto(served.url)
        page.wait_for_selector(".sample")
        page.get_by_text("Random digits", exact=True).click()
        page.get_by_role("textbox", name="Seed").fill("7")
        page.get_by_text("Light", exact=True).click()
        page.get_by_role("checkbox", name="Boxes").check()
        page.wait_for_selector('#gallery[aria-busy="false"]')
        page.evaluate("document.getElementById('status').textContent = ''")  # it shows how long the request took
        page.evaluate("window.scrollTo(0, 0)")
        page.mouse.move(640, 790)
        page.screenshot(path=folder / "page.png")
        running.close()


if __name__ == "__main__":
    make_screenshot(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
