"""`python -m digitseq`: the command line."""

import sys

from digitseq.cli import main

if __name__ == "__main__":
    sys.exit(main())
