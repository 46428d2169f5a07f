#!/usr/bin/env python3
"""Make images of handwritten digit sequences: see `python3 run.py --help` and README.md."""

import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its idle threads would only slow the start down

if __name__ == "__main__":
    try:
        from digitseq.__main__ import run

        run(config=Path(__file__).with_name("config.py"))
    except KeyboardInterrupt:  # before the program could prepare for it
        sys.exit(130)
