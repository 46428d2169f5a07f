#!/usr/bin/env python3
"""Make images of handwritten digit sequences: see `python3 run.py --help` and README.md."""

import sys
from pathlib import Path

from digitseq.cli import main

if __name__ == "__main__":
    sys.exit(main(config=Path(__file__).with_name("config.py")))
