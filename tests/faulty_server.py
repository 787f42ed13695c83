"""An HTTP server on loopback whose faults are set per path: refuses, breaks off, sends other bytes, dawdles.

with serve(Site(files={"weights": data})) as site:
    site.fault("GET /files/", cut=1000)      # the next download breaks off after 1000 bytes
    download(f"{site.origin}/files/weights", ...)
    assert site.count("GET /files/") == 2
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PIECE = 64 * 1024
"""Bytes per write of an answer."""


@dataclass(frozen=True)
class Request:
    method: str
    """HEAD arrives as GET: both get the same answer, less its body."""
    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    """Names are in lower case."""
    body: bytes

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Fault:
    """What happens to requests that match; the first live fault wins."""

    pattern: str
    """Start of `METHOD /path`, a regular expression."""
    times: int | None = 1
    """How often it happens; None for ever."""
    answer: Answer | None = None
    """Instead of the right one."""
    body: bytes | None = None
    """Instead of the right one's, well-formed."""
    cut: int | None = None
    """Close the connection after that many bytes of the body."""
    pause: float = 0.0
    """Seconds after each piece."""
    ranges: bool = True
    """False: ignore the Range header."""
    announced: bool = True
    """False: no Content-Length; the end of the connection is the end of the file."""


class Site:
    """What a server has, what goes wrong with it, and what it was asked."""

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.origin = ""
        """`http://127.0.0.1:<port>`, while it is served."""
        self.files = files or {}
        """At `/files/<name>`."""
        self.requests: list[Request] = []
        """With their own method, HEAD included."""
        self.broken: list[BaseException] = []
        """Errors of the server itself; `serve` raises the first."""
        self.lock = threading.Lock()
        self._faults: list[Fault] = []

    def answer(self, request: Request) -> Answer:
        data = self.files.get(request.path.removeprefix("/files/"))
        return refuse(404, "no such file") if data is None else Answer(200, data, {"Accept-Ranges": "bytes"})

    def fault(
        self, pattern: str, *, status: int | None = None, headers: Mapping[str, str] | None = None, **faults: Any
    ) -> None:
        """Let requests that match meet a fault; `status` and `headers` make its answer."""
        if status is not None:
            faults["answer"] = refuse(status, "as set", headers)
        self._faults.append(Fault(pattern, **faults))

    def count(self, start: str) -> int:
        """How many requests began so."""
        return sum(request.line.startswith(start) for request in self.requests)

    def meet(self, request: Request) -> Fault:
        """Note a request. Returns the fault that it meets, or one without any fault."""
        with self.lock:
            self.requests.append(request)
            for fault in self._faults:
                if fault.times != 0 and re.match(fault.pattern, request.line):
                    fault.times = None if fault.times is None else fault.times - 1
                    return fault
        return Fault("")


@contextlib.contextmanager
def serve[Kind: Site](site: Kind) -> Iterator[Kind]:
    """Serve a site until the block ends. Raises what broke inside the server meanwhile."""

    class Handler(_Handler):
        served = site

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            error = sys.exception()
            if error and not isinstance(error, ConnectionError):  # clients may leave when they like
                site.broken.append(error)

    with Server(("127.0.0.1", 0), Handler) as server:
        site.origin = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()
    if site.broken:
        raise site.broken[0]


def refuse(status: int, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    """An error in JSON."""
    return Answer(
        status, json.dumps({"error": message}).encode(), {"Content-Type": "application/json", **(headers or {})}
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 600
    served: Site

    def handle_any(self) -> None:
        address = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, unquote(address.path), parse_qs(address.query), headers, self._read())
        fault = self.served.meet(request)
        if self.command == "HEAD":
            request = Request("GET", *(getattr(request, name) for name in ("path", "query", "headers", "body")))
        answer = fault.answer or self.served.answer(request)
        if fault.body is not None and answer.status == HTTPStatus.OK:
            answer = Answer(answer.status, fault.body, answer.headers)
        self._send(_ranged(answer, headers.get("range", "") if fault.ranges else ""), fault)

    do_GET = do_HEAD = do_POST = do_PUT = handle_any  # noqa: N815 - names that the base class looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing; `Site.requests` is the log."""

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _send(self, answer: Answer, fault: Fault) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if fault.announced:
            self.send_header("Content-Length", str(len(answer.body)))
        if fault.cut is not None or not fault.announced:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command == "HEAD":
            return
        body = answer.body[: fault.cut]
        for start in range(0, len(body), PIECE):
            self.wfile.write(body[start : start + PIECE])
            time.sleep(fault.pause)


def _ranged(answer: Answer, asked: str) -> Answer:
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", asked)
    if wanted is None or answer.status != HTTPStatus.OK or "Accept-Ranges" not in answer.headers:
        return answer
    length = len(answer.body)
    start, end = int(wanted[1]), min(int(wanted[2] or length), length - 1)
    if start >= length:
        return refuse(416, "beyond the end", {"Content-Range": f"bytes */{length}"})
    headers = {**answer.headers, "Content-Range": f"bytes {start}-{end}/{length}"}
    return Answer(206, answer.body[start : end + 1], headers)
