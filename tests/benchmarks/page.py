"""How fast the page is: `python tests/benchmarks/page.py [loads]`, in chromium, against a service of its own that is warm."""

from __future__ import annotations

import statistics
import sys

from loopback import server
from measure import ROOT, table

sys.path.insert(0, str(ROOT / "tests"))
from support.browser import RESTED, launched, opened

# The time, since the page was asked for or the slider moved, at which new samples have been painted.
FIRST = """() => new Promise(done => {
    const see = () => {
        const image = document.querySelector(".sample img");
        if (!image) return requestAnimationFrame(see);
        image.decode().then(() => requestAnimationFrame(() => done(performance.now())));
    };
    see();
})"""
MOVED = """value => new Promise(done => {
    const slider = document.querySelector("input[aria-label=Width]"), before = document.querySelector(".sample img");
    const began = performance.now();
    slider.value = value;
    slider.dispatchEvent(new InputEvent("input", { bubbles: true }));
    const see = () => {
        const image = document.querySelector(".sample img");
        if (image === before) return requestAnimationFrame(see);
        image.decode().then(() => requestAnimationFrame(() => done(performance.now() - began)));
    };
    requestAnimationFrame(see);
})"""


def page(loads: int) -> list[tuple[str, str, str]]:
    with server("-m", "digitseq.service", "--port", "PORT") as (port, _), launched() as browser:
        address = f"http://127.0.0.1:{port}/"
        first, moved = [], []
        for load in range(loads + 1):
            with opened(browser, address) as seen:  # a context of its own: nothing is in the browser's cache
                seen.goto(f"{address}healthz")  # the process of the tab has started
                seen.wait_for_timeout(500)
                seen.goto(f"{address}#number={load:06d}&seed={load}", wait_until="commit")
                first.append(seen.evaluate(FIRST))
                for step in range(5):
                    seen.wait_for_selector(RESTED)
                    moved.append(seen.evaluate(MOVED, 220 + 7 * step))
    return [
        ("page: first samples after the load, median", f"{statistics.median(first[1:]):.0f} ms", "≤ 300 ms"),
        ("page: from a moved slider to new samples, median", f"{statistics.median(moved[5:]):.0f} ms", "≤ 120 ms"),
    ]


if __name__ == "__main__":
    table("the page", page(int(sys.argv[1]) if len(sys.argv) > 1 else 10))
