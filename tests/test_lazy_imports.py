"""Packages whose names are loaded when they are first used."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest
from support.paths import ROOT

PACKAGES = ["digitseq", "digitseq.service"]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_is_there_and_no_other(package):
    if package == "digitseq.service":
        pytest.importorskip("fastapi")
    module = importlib.import_module(package)
    for name in module.__all__:
        assert getattr(module, name) is getattr(module, name)
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        _ = module.nothing


@pytest.mark.parametrize("package", PACKAGES)
def test_a_name_is_kept_once_it_is_loaded(package):
    if package == "digitseq.service":
        pytest.importorskip("fastapi")
    code = f"import {package} as p; name = sorted(p._LAZY_ATTRIBUTES)[-1]; assert name not in vars(p); "
    code += "assert getattr(p, name) is vars(p)[name]"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_importing_digitseq_loads_nothing_heavy():
    code = "import sys, digitseq; assert not {'numpy', 'cv2', 'torch', 'fastapi'} & set(sys.modules); digitseq.Settings"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
