"""A web server on this machine that behaves as a test wants, and data sets made to be had from it."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import re
import threading
import zipfile
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from digitseq.glyphs.catalog import DataSet, File, SplitFiles

from .idx_files import idx_bytes


class Site:
    """files: what stands under each path; manner: how it is given, by path, "ranges" where nothing is said.

    ranges, whole (ignores Range), cut (half of it, the first and third time), wrong (other bytes), missing (404), busy (503, once),
    moved (a redirect), stalled (half of it, then nothing more), no_suffix (gives no
    last bytes), no_suffix_whole (gives all instead), endless (more than promised), packed (marked as gzip)
    """

    def __init__(self, files: dict[str, bytes], manner: dict[str, str] | None = None) -> None:
        self.files, self.manner = files, manner or {}
        self.asked: list[tuple[str, str]] = []
        self.count: Counter[str] = Counter()
        self.bodies: Counter[str] = Counter()
        self.sent = 0


@contextlib.contextmanager
def serving(site: Site):
    """The address of a server of `site`, with a slash at its end."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            with contextlib.suppress(ConnectionError):
                self.answer(self.path.removeprefix("/elsewhere"))

        def answer(self, path):
            site.asked.append((path, self.headers.get("Range", "")))
            site.count[path] += 1
            manner = site.manner.get(path, "ranges")
            data = site.files.get(path)
            if manner == "moved" and not self.path.startswith("/elsewhere"):
                return self.head(302, 0, Location=f"/elsewhere{path}")
            if data is None or manner == "missing":
                return self.head(404, 0)
            if manner == "busy" and site.count[path] == 1:
                return self.head(503, 0)
            if manner == "wrong":
                data = data[:-9] + bytes(9)
            if manner == "endless":
                data = data * 50
            asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
            if not asked or manner == "whole":
                return self.body(data, manner, self.head(200, len(data), **self.marks(manner)), path)
            first, last = asked.groups()
            if not first and manner == "no_suffix":
                return self.head(416, 0)
            if not first and manner == "no_suffix_whole":
                return self.body(data, manner, self.head(200, len(data)), path)
            start = int(first) if first else max(len(data) - int(last), 0)
            stop = min(int(last) + 1, len(data)) if first and last else len(data)
            if start >= len(data):
                return self.head(416, 0)
            self.head(206, stop - start, **{"Content-Range": f"bytes {start}-{stop - 1}/{len(data)}"})
            return self.body(data[start:stop], manner, None, path)

        def marks(self, manner):
            return {"Content-Encoding": "gzip"} if manner == "packed" else {}

        def head(self, status, length, **fields):
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            for name, value in fields.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()

        def body(self, data, manner, _, path):
            site.bodies[path] += len(data) > 1
            half = manner == "stalled" or (manner == "cut" and site.bodies[path] in (1, 3) and len(data) > 1)
            data = data[: len(data) // 2] if half else data
            self.wfile.write(data)
            self.wfile.flush()
            site.sent += len(data)
            if manner == "stalled":
                over.wait()
            self.close_connection = half

    over = threading.Event()

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_):
            pass  # a client that closes its connection early

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def glyph_files(glyphs: int, classes: int, seed: int, first_label: int = 0) -> tuple[bytes, bytes]:
    """Packed images and labels of random glyphs, every class there."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (glyphs, 28, 28), np.uint8)
    labels = (np.arange(glyphs) % classes + first_label).astype(np.uint8)
    return gzip.compress(idx_bytes(images), mtime=0), gzip.compress(idx_bytes(labels), mtime=0)


def made_set(name: str, url: tuple[str, ...], zipped: bool) -> tuple[DataSet, dict[str, bytes]]:
    """A data set of ten classes and the bytes of its files by their published names."""
    contents = {
        f"{name}-{split}-{kind}-ubyte.gz": data
        for seed, split in enumerate(("train", "test"))
        for kind, data in zip(("images-idx3", "labels-idx1"), glyph_files(120, 10, seed))
    }
    files = [described(file, data) for file, data in contents.items()]
    splits = {"train": SplitFiles(120, tuple(files[:2])), "test": SplitFiles(120, tuple(files[2:]))}
    archive = None
    if zipped:
        data = zip_bytes({f"gzip/{file}": data for file, data in contents.items()} | {"gzip/other.gz": bytes(300_000)})
        archive = described("gzip.zip", data)
        contents["gzip.zip"] = data
    return DataSet(name, "made up", "0123456789", splits, name, url, "none", archive), contents


def described(name: str, data: bytes) -> File:
    return File(name, len(data), hashlib.sha256(data).hexdigest())


def zip_bytes(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return file.getvalue()
