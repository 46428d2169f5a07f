"""`python -m digitseq`, and the command `digitseq`: the command line."""

import sys
from pathlib import Path

from digitseq.shell.console import run_program


def main(config: Path | None = None) -> int:
    """Run the command line of the process; returns the exit code. config: as in `digitseq.shell.cli.main`."""

    def program() -> int:
        from digitseq.shell import cli  # a package that is missing or broken is an error like any other

        return cli.main(config=config, open_page=_open_page)

    return run_program("digitseq", program)


def _open_page(fragment: str, cache: str | None) -> int:
    from digitseq.service.page_server import serve_page  # other commands start sooner without

    return serve_page(fragment, cache)


if __name__ == "__main__":
    sys.exit(main())
