"""The centre lines that a pen follows, found in the background: no other request waits for them."""

from __future__ import annotations

import threading
from concurrent.futures import Future

from digitseq.pen import GLYPH
from digitseq.renderer.renderer_cache import load_lines
from digitseq.service.problems import Problem
from digitseq.service.work_queue import NotReady
from digitseq.settings import Settings

AFTER = 5  # seconds in which to ask again


class PenLines:
    """Finds the lines of each data set once, one set at a time. cache: directory of the glyph banks.

    What was begun is finished, whoever gives up waiting for it.
    """

    def __init__(self, cache: str | None) -> None:
        self._cache = cache
        self._known: dict[tuple[str, str], Future[None]] = {}
        self._lock, self._turn = threading.Lock(), threading.Lock()

    def check(self, settings: Settings) -> None:
        """Raises `NotReady` while the lines that `settings` need are being found, which the first call begins.

        Raises what finding them raises; the next call then begins anew.
        """
        if settings.style == GLYPH:
            return
        names = settings.dataset, settings.split
        with self._lock:
            found = self._known.get(names)
            if found is None or (found.done() and found.exception()):
                found = self._known[names] = self._begin(settings)
        if not found.done():
            detail = f"the centre lines of {' '.join(names)} are being found, once: this may take a minute, ask again"
            raise NotReady(found, Problem(503, detail, Retry_After=str(AFTER)))
        found.result()  # it may have failed at once

    def _begin(self, settings: Settings) -> Future[None]:
        found: Future[None] = Future()
        found.set_running_or_notify_cancel()  # nobody who gives up can cancel it
        threading.Thread(target=self._find, args=(settings, found), name="digitseq-lines").start()
        return found

    def _find(self, settings: Settings, found: Future[None]) -> None:
        try:
            with self._turn:  # it takes all processors
                load_lines(settings, self._cache)
        except BaseException as error:
            found.set_exception(error)
        else:
            found.set_result(None)
