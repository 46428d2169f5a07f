"""`python -m digitseq`, and the command `digitseq`: the command line."""

import sys
from pathlib import Path

from digitseq.shell.console import run_program


def main(config: Path | None = None) -> int:
    """Run the command line of the process; returns the exit code. config: as in `digitseq.shell.cli.main`."""

    def program() -> int:
        from digitseq.shell import cli  # a package that is missing or broken is an error like any other

        return cli.main(config=config)

    return run_program("digitseq", program)


if __name__ == "__main__":
    sys.exit(main())
