"""`python -m digitseq`, and the command `digitseq`: the command line."""

import gc
import sys
from pathlib import Path

from digitseq.shell.console import run_program


def main(config: Path | None = None) -> int:
    """Run the command line of the process; returns the exit code. config: as in `digitseq.shell.cli.main`."""

    def program() -> int:
        gc.disable()  # what modules define stays: searching it for garbage takes a tenth of the start
        try:
            from digitseq.shell import cli  # a package that is missing or broken is an error like any other

            gc.freeze()  # nor is it searched later, in this process and in workers that share its memory
        finally:
            gc.enable()
        return cli.main(config=config, open_page=_open_page)

    try:
        return run_program("digitseq", program)
    finally:
        # The process ends here. To free one by one what refers to itself would take Python as long as making an image.
        gc.freeze()


def _open_page(fragment: str, cache: str | None) -> int:
    from digitseq.service.page_server import serve_page  # other commands start sooner without

    return serve_page(fragment, cache)


if __name__ == "__main__":
    sys.exit(main())
