"""Download of one file by HTTP: resumed where it broke off, tried again after a transient failure."""

from __future__ import annotations

import hashlib
import http
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING

from zoo import files
from zoo.progress import ByteProgress

if TYPE_CHECKING:
    import httpx2

TRIES = 5
"""Attempts in a row that may fail without getting further."""
FIRST_WAIT = 1.0
"""Seconds before the second attempt; doubles with every further one."""
LONGEST_WAIT = 60.0
"""Seconds; a server that asks for more (Retry-After) is left for the next source."""
CONNECT_LIMIT, READ_LIMIT = 10.0, 30.0
"""Seconds until a host has answered, and between two pieces of an answer."""

TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
"""Status codes that a later attempt may not meet."""


class Unavailable(Exception):
    """This source does not have the file or cannot be reached; the text says why. The next source may."""


class LargerFile(Unavailable):
    """The source has a larger file than the pinned one; no more of it was read than showed that."""


class TransientFailure(Exception):
    """An attempt failed in a way that a later one may not."""

    def __init__(self, reason: str, *, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait
        """Seconds that the server asks for."""
        self.further = False
        """Whether the attempt got further than any before it, so that it was worth its try."""


def with_retries[Answer](attempt: Callable[[], Answer]) -> Answer:
    """Repeat an attempt after each TransientFailure, waiting longer every time. Raises Unavailable in the end."""
    failures = 0
    while True:
        try:
            return attempt()
        except TransientFailure as failure:
            failures = 1 if failure.further else failures + 1
            if failures == TRIES:
                raise Unavailable(f"{failure} ({TRIES} tries)") from failure
            if failure.wait > LONGEST_WAIT:
                raise Unavailable(f"{failure}; it asks to come back in {failure.wait:.0f} s") from failure
            sleep(max(failure.wait, FIRST_WAIT * 2 ** (failures - 1)))


def download(url: str, folder: Path, *, size: int, sha256: str, progress: ByteProgress) -> Path:
    """Bring a URL's file into `folder`, at most `size` + 1 bytes of it; the caller verifies it.

    A part that an earlier call left in `folder` is continued, and this call leaves one when it fails.
    Raises Unavailable.
    """
    part = folder / f"url-{hashlib.sha256(url.encode()).hexdigest()[:16]}"
    furthest = _size(part)
    joined = False  # whether the file was put together from more than one answer

    def attempt() -> Path:
        nonlocal furthest, joined
        try:
            joined = _continue(url, part, size, progress) or joined
        except TransientFailure as failure:
            # only ever growing: a server that ignores ranges and always breaks off must run out of tries
            failure.further, furthest = _size(part) > furthest, max(_size(part), furthest)
            raise
        return part

    with_retries(attempt)
    if joined and files.sha256(part) != sha256:
        # The server's file may have changed between two answers: only a whole one can be blamed on the source.
        part.unlink()
        with_retries(attempt)
    return part


def _continue(url: str, part: Path, size: int, progress: ByteProgress) -> bool:
    """One request for what is missing in `part`. Returns whether bytes that were there already were kept."""
    import httpx2

    have = _size(part)
    if have == size:
        return True
    if have > size:  # not the beginning of this file
        have = 0
    headers = {"Accept-Encoding": "identity", "User-Agent": "mlip-zoo"}
    if have:
        headers["Range"] = f"bytes={have}-"
    limit = httpx2.Timeout(READ_LIMIT, connect=CONNECT_LIMIT)
    try:
        with httpx2.stream("GET", url, headers=headers, follow_redirects=True, timeout=limit) as answer:
            if not _secure_throughout(answer):
                raise Unavailable("it leads to an address without https; nothing was read from there")
            kept = _continues(answer, part) and have > 0
            have = have if kept else 0
            with part.open("ab" if kept else "wb") as sink:
                for chunk in answer.iter_raw():
                    sink.write(chunk[: size + 1 - have])
                    have = min(have + len(chunk), size + 1)
                    progress(min(have, size), size)
                    if have > size:  # not the pinned file, so there is no need for the rest of it
                        return kept
            announced = "content-length" in answer.headers or "transfer-encoding" in answer.headers
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise as_failure(error) from error
    if have < size and not announced:  # the end of the answer was no more than the end of the connection
        raise TransientFailure(f"the connection ended after {have:,} of {size:,} bytes")
    return kept


def _continues(answer: httpx2.Response, part: Path) -> bool:
    """Whether the answer continues what is in `part` (True) or starts anew (False). Raises when it does neither."""
    status = answer.status_code
    if status in {http.HTTPStatus.OK, http.HTTPStatus.PARTIAL_CONTENT}:
        return status == http.HTTPStatus.PARTIAL_CONTENT
    if status == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        part.unlink(missing_ok=True)
        raise TransientFailure(status_text(status))
    if status in TRANSIENT_STATUSES:
        raise TransientFailure(status_text(status), wait=retry_after(answer.headers))
    raise Unavailable(status_text(status))


def _secure_throughout(answer: httpx2.Response) -> bool:
    """Whether no redirect led from https to http: whoever is on the way there could send another file."""
    schemes = [each.url.scheme for each in (*answer.history, answer)]
    return schemes[0] != "https" or set(schemes) == {"https"}


def as_failure(error: Exception) -> TransientFailure | Unavailable:
    """What an exception of the HTTP client means for the source."""
    import httpx2

    reason = first_line(error)
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        # not tried again: where a firewall swallows every connection, each try costs CONNECT_LIMIT
        return Unavailable(f"cannot be reached: {reason}")
    if isinstance(error, httpx2.TimeoutException | httpx2.NetworkError | httpx2.RemoteProtocolError):
        return TransientFailure(reason)
    return Unavailable(reason)


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that a server asks to wait: it says a number or a date; 0 when it does not say."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def status_text(code: int) -> str:
    """`HTTP 404 Not Found`."""
    phrase = http.HTTPStatus(code).phrase if code in http.HTTPStatus else ""
    return f"HTTP {code} {phrase}".rstrip()


def first_line(error: BaseException) -> str:
    """The first line of an exception's text, or its type when it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
