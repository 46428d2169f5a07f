"""A server on this machine that answers in many wrong ways: which of them, the address says."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator

from .hostile_answers import Request, behaviour


class _Server:
    """Answers GET /SEED/CASE/NAME. files: by case's kind ("plain", "zip") the files by name."""

    def __init__(self, listening: socket.socket, files: Callable[[int], dict[str, bytes]]) -> None:
        self.listening, self.files = listening, files
        self.count: Counter[str] = Counter()

    def run(self) -> None:
        while True:
            connection, _ = self.listening.accept()
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, ValueError):
            head = b""
            while b"\r\n\r\n" not in head:
                if not (received := connection.recv(4096)):
                    return
                head += received
            seed, case, name = head.split()[1].decode("latin-1").removeprefix("/").split("/", 2)
            self.count[f"{case} {name}"] += 1
            act, draw = behaviour(int(seed), int(case))
            for piece in act(draw, self.request(int(case), name, head.decode("latin-1"))):
                connection.sendall(piece)
            if draw.random() < 0.3:  # a reset, not an end
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def request(self, case: int, name: str, head: str) -> Request:
        data = self.files(case).get(name, b"")
        asked = re.search(r"(?i)\r\nrange: bytes=(\d*)-(\d*)", head)
        span = None
        if asked and data:
            first, last = asked.groups()
            start = int(first) if first else max(len(data) - int(last), 0)
            span = start, min(int(last) + 1, len(data)) if first and last else len(data)
        return Request(name, data, span, self.count[f"{case} {name}"])


@contextlib.contextmanager
def serving(files: Callable[[int], dict[str, bytes]]) -> Iterator[int]:
    """The port of such a server, in a process of its own. files: those of a case, by name."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        child = os.fork()
        if child == 0:
            try:
                _Server(listening, files).run()
            finally:
                os._exit(1)
        try:
            yield listening.getsockname()[1]
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
