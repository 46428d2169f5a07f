"""What type checkers say of a program that uses the package: right calls pass, wrong ones do not."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

CLIENT = """
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_type

from digitseq import (
    Batch, Pipeline, Sample, SequenceBatch, SequenceGenerator, Settings, SettingsError, generate_numbers_sequence
)

image = generate_numbers_sequence([3, np.int64(5), 0], (0, 10), 100, seed=7, split="test", augment="light")
assert_type(image, NDArray[np.float32])
generator = SequenceGenerator(Settings("350", image_width=160, augment="light"), seed=0, cache=Path("cache"))
sample = generator[12]
assert_type(sample, Sample)
assert_type(sample.image, NDArray[np.uint8])
assert_type(sample.boxes, NDArray[np.int64])
assert_type(sample.text, str)
for batch in generator.batches(256, start=0):
    assert_type(batch, SequenceBatch)
    assert_type(batch.targets, NDArray[np.int64])
    assert_type(batch.texts, list[str])
report = generator.write("out", size=10_000, format="webdataset", processes=4, progress=True)
assert_type(report.folder, Path)
assert_type(generator.seed, int)
try:
    Settings("x")
except SettingsError as error:
    assert_type(error.setting, str | None)
"""
TORCH_CLIENT = """
import torch
from torch.utils.data import DataLoader
from typing_extensions import assert_type

from digitseq import Settings
from digitseq.torch_data import MaskedSample, SequenceDataset, SequenceStream, TensorBatch, TensorSample

stream = SequenceStream(Settings("350"), 64, seed=1, dtype=torch.float32)
loader = DataLoader(stream, batch_size=None, num_workers=2)
for batch in stream:
    assert_type(batch, TensorBatch)
    assert_type(batch.targets, torch.Tensor)
    stream.load_state_dict(stream.state_dict(batch))
data = SequenceDataset(Settings("350"), 100)
assert_type(data[3], TensorSample | MaskedSample)
assert_type(data[[3, 4]], TensorBatch)
"""
WRONG = """
from digitseq import SequenceGenerator, Settings, generate_numbers_sequence

generate_numbers_sequence("350", (0, 10), "100")
generate_numbers_sequence("350", (0, 10), 100, seed="7")
SequenceGenerator(Settings("350"), seed="7")
SequenceGenerator(Settings("350"))["12"]
SequenceGenerator(Settings("350")).write("out", size="10")
Settings("350", image_width="wide")
"""


def check(program: str, folder: Path) -> list[str]:
    """What mypy --strict complains of in `program`."""
    pytest.importorskip("mypy")
    (folder / "client.py").write_text(program)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent", "client.py"]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"MYPYPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert not done.stderr, done.stderr
    return [line for line in done.stdout.splitlines() if "error" in line and line.startswith("client.py")]


def test_a_typed_program_passes(tmp_path):
    assert check(CLIENT, tmp_path) == []


@pytest.mark.slow
def test_a_typed_program_with_torch_passes(tmp_path):
    if importlib.util.find_spec("torch") is None:
        pytest.skip("needs torch: pip install torch")
    assert check(TORCH_CLIENT, tmp_path) == []


def test_wrong_calls_do_not_pass(tmp_path):
    complaints = check(WRONG, tmp_path)
    assert {int(line.split(":")[1]) for line in complaints} == set(range(4, 10))


def test_the_package_says_that_it_is_typed():
    assert (ROOT / "digitseq" / "py.typed").is_file()
