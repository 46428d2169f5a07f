"""`python -m digitseq.service`."""

import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its idle threads would only slow the start down

if __name__ == "__main__":
    try:
        from digitseq.service.server import main

        sys.exit(main())
    except KeyboardInterrupt:  # before the program could prepare for it
        sys.exit(130)
