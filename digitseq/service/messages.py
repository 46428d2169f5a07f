"""Messages between two processes over a socket."""

from __future__ import annotations

import os
import pickle
import socket
import struct
from multiprocessing.connection import wait
from typing import Any

HEAD = struct.Struct(">?Q")  # whether it is pickled, bytes that follow


class Messages:
    """One end of a pair of sockets, for any value that can be pickled, and for bytes as they are.

    A `multiprocessing.Connection` takes Python's interpreter lock for each of many parts of a large message, and holds
    it while it joins them: other threads wait for both. silence: seconds after which `receive` gives up.

    Methods raise `OSError` when the other end is closed, or silent.
    """

    def __init__(self, connected: socket.socket, silence: int | None = None) -> None:
        self._socket = connected
        if silence and os.name == "posix":
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", silence, 0))

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
        data, done = bytearray(size), 0
        while done < size:  # in one call, during which other threads go on, unless a signal ends it
            got = self._socket.recv_into(memoryview(data)[done:], 0, socket.MSG_WAITALL)
            if not got:
                raise ConnectionResetError("the other process has ended")
            done += got
        return data
