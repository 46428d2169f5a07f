"""Downloads from hostile servers on this machine: what is published arrives, or nothing does, and one line says why."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import cache, partial
from pathlib import Path

from support.file_server import made_set

from .campaign import Campaign, Case, Result, one_by_one
from .children import Limits, in_child, load_program
from .hostile_answers import behaviour
from .hostile_server import serving
from .judge import REFUSED, judge_end

NAME = "kmnist"  # the data set in whose place the made one stands


@cache
def _made(zipped: bool):
    return made_set("made", (), zipped)


def _zipped(case: int) -> bool:
    """Every kind of behaviour meets single files and archives."""
    return case // 2 % 2 == 1 or behaviour(0, case)[0].__name__ == "lying_directory"


def _files(case: int) -> dict[str, bytes]:
    return _made(_zipped(case))[1]


def _download(url: str, zipped: bool, cache: Path) -> int:
    """In the child: --download of the made set, with limits that end sooner than the program's own."""
    from digitseq.glyphs import DATA_SETS
    from digitseq.glyphs.downloads import download_limits, install
    from digitseq.shell.cli import main

    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            del os.environ[name]
    quick = download_limits.DownloadLimits(connect=5, read=1.5, attempts=2, backoff=0.01, grace=2, min_speed=100_000)
    install.install = partial(install.install, limits=quick)
    DATA_SETS[NAME] = _made(zipped)[0]._replace(urls=(url,))
    return main(["--download", NAME, "-c", str(cache)])


def judge(case: Case, port: int) -> str:
    """One download."""
    zipped, folder = _zipped(case.number), case.folder / "cache"
    url = f"http://127.0.0.1:{port}/{case.seed}/{case.number}/"
    limits = Limits(memory=256 << 20, cpu=30, wall=150)
    ended = in_child(partial(_download, url, zipped, folder), case.folder, limits)
    act = behaviour(case.seed, case.number)[0]
    about = f"{(act.__doc__ or '').rstrip('.').lower()} ({'archive' if zipped else 'files'})"
    outcome = judge_end(ended, {0, REFUSED}, about)
    published = _files(case.number)
    found = {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")}
    wrong = [name for name, data in found.items() if not name.endswith(".part") and published.get(name) != data]
    assert not wrong, f"{about}: {wrong} are not what was published"
    missing = [name for name in published if name not in found and name != "gzip.zip"]
    assert ended.code or not missing, f"{about}: done, without {missing}"
    return outcome


def run(seed: int, numbers: Iterable[int], scratch: Path) -> Iterator[Result]:
    load_program()
    with serving(_files) as port:
        yield from one_by_one(partial(judge, port=port))(seed, numbers, scratch)


CAMPAIGN = Campaign(
    "downloads",
    "hostile servers",
    "what is published arrives, or one line says why not, in 256 MB",
    short=20,
    long=96,
    run=run,
)
