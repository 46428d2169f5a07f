"""Listing data sets and downloading them from the command line."""

from __future__ import annotations

import os

from digitseq import datasets
from digitseq.glyphs import DATA_SETS


def test_a_download_without_a_network_is_one_line(run, tmp_path):
    dead = {f"{name}_proxy": "http://127.0.0.1:9" for name in ("http", "https", "all")}
    done = run("--download", "kmnist", "-c", tmp_path / "cache", env=os.environ | dead | {"no_proxy": ""})
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "cannot download kmnist" in done.stderr
    assert f"put them into {tmp_path / 'cache' / 'kmnist'}" in done.stderr


def test_the_list_says_what_is_there(run, tmp_path):
    done = run("--list_datasets", "-c", tmp_path / "cache")
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert [line.split()[0] for line in lines[1:11]] == list(DATA_SETS)
    assert "yes" in lines[1] and " no " in lines[2]
    assert run("--download", "mnist").stdout == "mnist is inside the package: there is nothing to download\n"
    infos = {info.name: info for info in datasets(str(tmp_path / "cache"))}
    assert (infos["mnist"].train, infos["mnist"].test, infos["mnist"].installed) == (60_000, 10_000, ("train", "test"))
    assert (len(infos["emnist-byclass"].characters), infos["emnist-byclass"].installed) == (62, ())
    assert infos["mnist"].size > 11_000_000


def test_an_unknown_data_set_is_one_line(refused):
    assert "got 'mnits'" in refused("--download", "mnits")
