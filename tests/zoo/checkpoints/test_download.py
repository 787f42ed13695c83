"""One file by HTTP: resumed, tried again, given up, and never more of it than was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.faulty_server import Site, serve
from tests.pinned import DATA, pinned
from zoo.checkpoints import download
from zoo.checkpoints.download import FIRST_WAIT, TRIES, Unavailable

OTHER = DATA[::-1]


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that retries would have waited."""
    waited: list[float] = []
    monkeypatch.setattr(download, "sleep", waited.append)
    return waited


@pytest.fixture
def site() -> Iterator[Site]:
    with serve(Site({"weights": DATA})) as site:
        yield site


def bring(site: Site, folder: Path, name: str = "weights") -> bytes:
    url = f"{site.origin}/files/{name}"
    path = download.download(url, folder, size=len(DATA), sha256=pinned(DATA).sha256, progress=lambda done, total: None)
    return path.read_bytes()


def ranges(site: Site) -> list[str]:
    """The Range header of every request so far, '' where there was none."""
    return [request.headers.get("range", "") for request in site.requests]


# --- interrupted ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("announced", [True, False])
def test_a_dropped_download_goes_on_where_it_stopped(site: Site, tmp_path: Path, announced: bool) -> None:
    site.fault("GET", cut=100_000, announced=announced)
    assert bring(site, tmp_path) == DATA
    assert ranges(site) == ["", "bytes=100000-"]


def test_a_server_without_ranges_is_started_again(site: Site, tmp_path: Path) -> None:
    site.fault("GET", cut=100_000)
    site.fault("GET", ranges=False)
    assert bring(site, tmp_path) == DATA
    assert ranges(site) == ["", "bytes=100000-"]


@pytest.mark.parametrize("status", [206, 416])
def test_a_server_that_muddles_ranges_is_started_again(site: Site, tmp_path: Path, status: int) -> None:
    site.fault("GET", cut=100_000)
    site.fault("GET", status=status)  # 206 with other bytes than those asked for
    assert bring(site, tmp_path) == DATA
    assert ranges(site) == ["", "bytes=100000-", ""]


def test_every_piece_that_arrives_earns_another_try(site: Site, tmp_path: Path, waits: list[float]) -> None:
    site.fault("GET", cut=50_000, times=10)
    assert bring(site, tmp_path) == DATA
    assert len(site.requests) == 11 > TRIES
    assert waits == [FIRST_WAIT] * 10


@pytest.mark.parametrize("refuses_ranges", [False, True])
def test_a_download_that_never_gets_further_ends(site: Site, tmp_path: Path, refuses_ranges: bool) -> None:
    for _ in range(3 * TRIES):
        site.fault("GET", cut=100_000, ranges=False)
        if refuses_ranges:
            site.fault("GET", status=416)
    with pytest.raises(Unavailable, match=f"{TRIES} tries"):
        bring(site, tmp_path)
    assert len(site.requests) == TRIES


def test_what_came_is_kept_for_the_next_time(site: Site, tmp_path: Path) -> None:
    site.fault("GET", cut=100_000)
    site.fault("GET", status=404)
    with pytest.raises(Unavailable, match="404"):
        bring(site, tmp_path)
    assert bring(site, tmp_path) == DATA
    assert ranges(site)[-1] == "bytes=100000-"


def test_a_part_is_not_mixed_with_another_address(site: Site, tmp_path: Path) -> None:
    site.files["page"] = b"<html>Not what you wanted</html>"
    site.fault("GET /files/page", cut=10)
    site.fault("GET /files/page", status=404)
    with pytest.raises(Unavailable):
        bring(site, tmp_path, "page")
    assert bring(site, tmp_path) == DATA
    assert ranges(site)[-1] == ""


def test_a_file_that_changed_half_way_is_fetched_whole(site: Site, tmp_path: Path) -> None:
    site.fault("GET", body=OTHER, cut=100_000)
    assert bring(site, tmp_path) == DATA
    assert ranges(site) == ["", "bytes=100000-", ""]


@pytest.mark.parametrize("left", [DATA + b"!", OTHER])
def test_a_part_that_cannot_be_right_is_replaced(site: Site, tmp_path: Path, left: bytes) -> None:
    bring(site, tmp_path)
    (part,) = tmp_path.iterdir()
    part.write_bytes(left)
    assert bring(site, tmp_path) == DATA


def test_a_part_that_is_complete_is_not_fetched_again(site: Site, tmp_path: Path) -> None:
    bring(site, tmp_path)
    assert bring(site, tmp_path) == DATA
    assert len(site.requests) == 1


def test_at_most_one_byte_too_many_is_written(site: Site, tmp_path: Path) -> None:
    site.files["endless"] = DATA * 100
    site.fault("GET", cut=2 * len(DATA))  # who reads that far has to ask again
    assert bring(site, tmp_path, "endless") == DATA + DATA[:1]
    assert len(site.requests) == 1


# --- busy, gone, elsewhere --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", sorted(download.TRANSIENT_STATUSES))
def test_a_busy_server_is_asked_again(site: Site, tmp_path: Path, waits: list[float], status: int) -> None:
    site.fault("GET", status=status, times=2)
    assert bring(site, tmp_path) == DATA
    assert waits == [FIRST_WAIT, 2 * FIRST_WAIT]


def test_a_server_that_stays_busy_is_left(site: Site, tmp_path: Path, waits: list[float]) -> None:
    site.fault("GET", status=503, times=None)
    with pytest.raises(Unavailable, match=rf"HTTP 503 Service Unavailable \({TRIES} tries\)"):
        bring(site, tmp_path)
    assert len(site.requests) == TRIES == len(waits) + 1


def test_a_server_is_given_the_time_it_asks_for(site: Site, tmp_path: Path, waits: list[float]) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30))
    site.fault("GET", status=429, headers={"Retry-After": "7"})
    site.fault("GET", status=503, headers={"Retry-After": soon})
    site.fault("GET", status=503, headers={"Retry-After": "later"})
    assert bring(site, tmp_path) == DATA
    assert waits[0] == 7
    assert 20 < waits[1] <= 30
    assert waits[2] == 4 * FIRST_WAIT


def test_a_server_that_asks_for_too_much_time_is_left(site: Site, tmp_path: Path, waits: list[float]) -> None:
    site.fault("GET", status=429, headers={"Retry-After": "3600"}, times=None)
    with pytest.raises(Unavailable, match="asks to come back in 3600 s"):
        bring(site, tmp_path)
    assert waits == []


@pytest.mark.parametrize("status", [401, 403, 404, 410, 451])
def test_a_refusal_is_final(site: Site, tmp_path: Path, status: int) -> None:
    site.fault("GET", status=status, times=None)
    with pytest.raises(Unavailable, match=f"HTTP {status}"):
        bring(site, tmp_path)
    assert len(site.requests) == 1


def test_a_host_that_does_not_answer_is_not_waited_for(site: Site, tmp_path: Path, waits: list[float]) -> None:
    site.origin = "http://127.0.0.1:9"  # nothing listens on the discard port
    with pytest.raises(Unavailable, match="cannot be reached"):
        bring(site, tmp_path)
    assert waits == []


def test_redirects_are_followed_but_not_in_circles(site: Site, tmp_path: Path) -> None:
    site.fault("GET /files/moved", status=302, headers={"Location": "/files/weights"}, times=None)
    site.fault("GET /files/circle", status=302, headers={"Location": "/files/circle"}, times=None)
    assert bring(site, tmp_path, "moved") == DATA
    with pytest.raises(Unavailable, match="redirects"):
        bring(site, tmp_path, "circle")
