"""Messages between the service and a process: any value that can be pickled, and bytes as they are.

A `multiprocessing.Connection` cannot be awaited, and holds Python's interpreter lock while it joins a large message.
"""

from __future__ import annotations

import asyncio
import pickle
import socket
import struct
from multiprocessing.connection import wait
from typing import Any

Data = bytes | memoryview  # bytes, as they were sent or as they were received
HEAD = struct.Struct(">?Q")  # whether it is pickled, bytes that follow
SMALL = 1 << 16  # bytes that are rather copied than sent by a call of their own


def _encoded(value: Any) -> tuple[bytes, bytes]:
    """Head and body of a message. Raises what pickling raises."""
    pickled = not isinstance(value, bytes)
    data = pickle.dumps(value) if pickled else value
    return HEAD.pack(pickled, len(data)), data


class BlockingMessages:
    """The end of a process that does nothing else. Methods raise `OSError` when the other end is closed."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    def send(self, value: Any) -> None:
        """Raises what pickling raises, before anything is sent."""
        head, data = _encoded(value)
        if len(data) <= SMALL:
            self._socket.sendall(head + data)
        else:
            self._socket.sendall(head)
            self._socket.sendall(data)

    def waiting(self) -> bool:
        """Whether something can be received, or the other end is closed."""
        return bool(wait([self._socket], 0))

    def receive(self) -> Any:
        """The next value."""
        pickled, size = HEAD.unpack(self._read(HEAD.size))
        data = self._read(size)
        return pickle.loads(data) if pickled else bytes(data)

    def _read(self, size: int) -> bytearray:
        data, done = bytearray(size), 0
        while done < size:
            got = self._socket.recv_into(memoryview(data)[done:])
            if not got:
                raise ConnectionResetError("the other end is closed")
            done += got
        return data


class Messages(asyncio.BufferedProtocol):
    """The end of an event loop: asks, and awaits one answer at a time, without a thread that would have to be woken."""

    def __init__(self) -> None:
        self.asked, self._lost = False, False  # an answer will come; none can come any more
        self._answer: asyncio.Future[tuple[bool, memoryview]] | None = None
        self._head: tuple[bool, int] | None = None  # of the message of which a part was received
        self._space, self._filled = memoryview(bytearray(HEAD.size)), 0

    @classmethod
    async def over(cls, connected: socket.socket) -> Messages:
        """Messages over one of a pair of sockets."""
        loop = asyncio.get_running_loop()
        unix = connected.family == getattr(socket, "AF_UNIX", None)
        connect: Any = loop.create_unix_connection if unix else loop.create_connection
        return (await connect(cls, sock=connected))[1]  # type: ignore[no-any-return]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As `asyncio.BaseProtocol` has it."""
        self._transport: Any = transport  # an `asyncio.Transport`, or that of another event loop

    def get_buffer(self, sizehint: int) -> memoryview:
        """As `asyncio.BufferedProtocol` has it: a large answer is received where it stays."""
        return self._space[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """As `asyncio.BufferedProtocol` has it."""
        self._filled += nbytes
        if self._filled < len(self._space):
            return
        if self._head is None:
            pickled, size = self._head = HEAD.unpack(self._space)
            self._space, self._filled = memoryview(bytearray(size)), 0
        else:
            pickled, size = self._head
        if self._filled == size:
            data, self.asked = self._space, False
            self._head, self._space, self._filled = None, memoryview(bytearray(HEAD.size)), 0
            if self._answer is not None and not self._answer.done():  # else nobody wants it any more
                self._answer.set_result((pickled, data))

    def connection_lost(self, error: Exception | None) -> None:
        """As `asyncio.BaseProtocol` has it."""
        self._lost = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("the other end is closed"))

    def tell(self, value: Any) -> None:
        """Send what has no answer. Raises what pickling raises, and `OSError` when the other end is closed."""
        message = b"".join(_encoded(value))
        self._check_open()
        self._transport.write(message)

    async def ask(self, value: Any) -> Any:
        """The answer; a `memoryview` of bytes. Raises as `tell`, also while it waits.

        When the task is cancelled, `asked` says whether the answer has come.
        """
        self.tell(value)
        self.asked = True
        pickled, data = await self.answer()
        return pickle.loads(data) if pickled else data

    async def answer(self) -> tuple[bool, memoryview]:
        """Wait for the answer to what was asked; whether it is pickled, and its bytes. Raises `OSError`."""
        self._check_open()
        self._answer = asyncio.get_running_loop().create_future()
        try:
            return await self._answer
        finally:
            self._answer = None  # which would keep its bytes

    def close(self) -> None:
        """The other end learns of it."""
        self._transport.abort()

    @property
    def open(self) -> bool:
        """Whether the other end is not known to be closed."""
        # uvloop closes the transport some time before it tells that the connection is lost
        return not (self._lost or self._transport.is_closing())

    def _check_open(self) -> None:
        if not self.open:
            raise ConnectionResetError("the other end is closed")
