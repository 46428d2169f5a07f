"""Messages between two processes over a socket."""

from __future__ import annotations

import pickle
import socket
import struct
from multiprocessing.connection import wait
from typing import Any

HEAD = struct.Struct(">?Q")  # whether it is pickled, bytes that follow


class Messages:
    """One end of a pair of sockets, for any value that can be pickled, and for bytes as they are.

    A `multiprocessing.Connection` takes Python's interpreter lock for each of many parts of a large message, and holds
    it while it joins them: other threads wait for both. Methods raise `OSError` when the other end is closed.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    def send(self, value: Any) -> None:
        """Raises what pickling raises, before anything is sent."""
        pickled = not isinstance(value, bytes)
        data = pickle.dumps(value) if pickled else value
        self._socket.sendall(HEAD.pack(pickled, len(data)))
        self._socket.sendall(data)

    def wait(self, seconds: float) -> bool:
        """Whether something can be received, or the other end is closed, at the latest after so many seconds."""
        return bool(wait([self._socket], seconds))

    def receive(self) -> Any:
        """The next value; a `bytearray` for bytes."""
        pickled, size = HEAD.unpack(self._read(HEAD.size))
        data = self._read(size)
        return pickle.loads(data) if pickled else data

    def close(self) -> None:
        """The other end learns of it."""
        self._socket.close()

    def _read(self, size: int) -> bytearray:
        data = bytearray(size)
        # in one call, during which other threads go on
        if size and self._socket.recv_into(data, size, socket.MSG_WAITALL) < size:
            raise ConnectionResetError("the other process has ended")
        return data
