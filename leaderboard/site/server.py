"""Serve: the site on this machine's loopback, for looking at it."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from leaderboard.errors import SiteError


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """A line per file would push the address off the screen."""


def server(site: Path, *, port: int) -> ThreadingHTTPServer:
    """A server for the folder, bound to loopback; port 0 takes a free one. Raises SiteError when the port is taken."""
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=site))
    except OSError as error:
        raise SiteError(f"port {port}: {error.strerror}; choose another with --port, or 0 for any") from None
