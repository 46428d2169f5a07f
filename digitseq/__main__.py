"""`python -m digitseq`, and the command `digitseq`: the command line."""

import gc
from pathlib import Path
from typing import NoReturn

from digitseq.shell.console import end_process, run_program


def run(config: Path | None = None) -> NoReturn:
    """Run the command line of the process, and end the process. config: as in `digitseq.shell.cli.main`."""
    end_process(main(config))


def main(config: Path | None = None) -> int:
    """The same, but for the end: returns the exit code."""

    def program() -> int:
        gc.disable()  # what modules define stays: searching it for garbage takes a tenth of the start
        try:
            from digitseq.shell import cli  # a package that is missing or broken is an error like any other

            gc.freeze()  # nor is it searched later, in this process and in workers that share its memory
        finally:
            gc.enable()
        return cli.main(config=config, open_page=_open_page)

    return run_program("digitseq", program)


def _open_page(fragment: str, cache: str | None) -> int:
    from digitseq.service.page_server import serve_page  # other commands start sooner without

    return serve_page(fragment, cache)


if __name__ == "__main__":
    run()
