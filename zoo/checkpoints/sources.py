"""How each kind of source brings the bytes of a pinned file. Nothing here judges them: cache.py compares hashes.

A source either brings a file or raises Unavailable with a reason in one line. Faults of this machine (disk full, no
permission) are OSErrors and pass through to the cache. Nothing that is brought is opened.
"""

from __future__ import annotations

import contextlib
import csv
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo import settings
from zoo.cards.checkpoint import BundledSource, HubSource, PinnedFile, Source, UrlSource, WheelSource
from zoo.checkpoints.download import (
    TRANSIENT_STATUSES,
    LargerFile,
    TransientFailure,
    Unavailable,
    as_failure,
    download,
    first_line,
    retry_after,
    status_text,
    with_retries,
)
from zoo.progress import ByteProgress

BUNDLED = Path(__file__).parents[1] / "weights"

WHEEL_LIMIT = 900.0
"""Seconds for one wheel; the largest with weights inside is 90 MB."""


@dataclass(frozen=True)
class Mirror:
    """A folder of files known by their hash: `<sha256>`, `<first two digits>/<sha256>`, or rows of a `MANIFEST.csv`."""

    folder: Path

    def __str__(self) -> str:
        return f"mirror {self.folder}"

    def find(self, sha256: str) -> Path:
        """The file that should have that hash; it is readable, and unverified. Raises Unavailable."""
        try:
            path = self._find(sha256)
            with path.open("rb"):
                return path
        except (OSError, ValueError, csv.Error) as error:  # ValueError: not UTF-8, or a NUL in a path
            raise Unavailable(f"cannot be read: {first_line(error)}") from error

    def _find(self, sha256: str) -> Path:
        if not self.folder.is_dir():
            raise Unavailable("no such folder")
        for path in (self.folder / sha256, self.folder / sha256[:2] / sha256):
            if path.is_file():
                return path
        manifest = self.folder / "MANIFEST.csv"
        if not manifest.is_file():
            raise Unavailable("no file of that hash")
        with manifest.open(encoding="utf-8", newline="") as lines:
            rows = csv.DictReader(lines)
            if not {"path", "sha256"} <= set(rows.fieldnames or ()):
                raise Unavailable("MANIFEST.csv has no columns 'path' and 'sha256'")
            name = next((row["path"] or "" for row in rows if (row["sha256"] or "").strip().lower() == sha256), None)
        if name is None:
            raise Unavailable("no file of that hash, neither by name nor in MANIFEST.csv")
        # a manifest is not trusted: '..', an absolute path or a link must not lead out of the folder
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise Unavailable(f"MANIFEST.csv names {name!r}, which lies outside the folder; it was not read")
        if not path.is_file():
            raise Unavailable(f"MANIFEST.csv names {name!r}, which is not there")
        return path


def bring(
    source: Source | Mirror, file: PinnedFile, folder: Path, progress: ByteProgress, *, offline: bool = False
) -> Path:
    """Bring what `source` has for `file` into `folder`; the caller verifies it and moves it away.

    A download by URL that breaks off leaves its part in `folder`, and the next call goes on from there.
    Raises Unavailable, LargerFile. Offline, only mirrors, this package and uv's own cache are asked.
    """
    if offline and not isinstance(source, Mirror | WheelSource | BundledSource):
        raise Unavailable("not asked, the network is switched off")
    match source:
        case Mirror():
            found = source.find(file.sha256)
            if (size := found.stat().st_size) > file.bytes:
                raise LargerFile(f"{size:,} bytes")
            return Path(shutil.copyfile(found, folder / "mirror"))
        case BundledSource():
            return _from_package(source, folder)
        case HubSource():
            return from_hub(source, folder, size=file.bytes, progress=progress)
        case WheelSource():
            return from_wheel(source, folder, offline=offline)
        case UrlSource():
            return download(source.url, folder, size=file.bytes, sha256=file.sha256, progress=progress)


def from_hub(source: HubSource, folder: Path, *, size: int, progress: ByteProgress) -> Path:
    """Download a file of a Hub repository, of at most `size` bytes. Raises Unavailable, LargerFile."""
    with _scratch(folder) as scratch:
        return with_retries(lambda: _from_hub(source, size, scratch, progress))


def from_wheel(source: WheelSource, folder: Path, *, offline: bool = False) -> Path:
    """Unpack a file of a wheel. Raises Unavailable."""
    with _scratch(folder) as scratch:
        return _from_wheel(source, scratch, offline=offline)


def hub_endpoint() -> str:
    """The Hub's address: `HF_ENDPOINT`, or the public one; read now, not when huggingface_hub was imported."""
    from huggingface_hub import constants

    return settings.hub_endpoint() or constants.ENDPOINT


@contextlib.contextmanager
def hub_faults(repository: str, revision: str) -> Iterator[None]:
    """Around calls of huggingface_hub: an error becomes TransientFailure, or Unavailable with what to do."""
    import httpx2
    from huggingface_hub import errors as hub

    page = f"{hub_endpoint()}/{repository}"
    try:
        yield
    except hub.GatedRepoError as error:
        raise Unavailable(f"the repository is gated: {_how_to_get_access(page)}") from error
    except hub.RepositoryNotFoundError as error:
        raise Unavailable(f"no such repository ({page}), or a private one: then run `hf auth login`") from error
    except hub.RevisionNotFoundError as error:
        raise Unavailable(f"the repository has no commit {revision}") from error
    except hub.RemoteEntryNotFoundError as error:
        raise Unavailable("no such file at that commit") from error
    except hub.HfHubHTTPError as error:
        status = error.response.status_code
        if status in TRANSIENT_STATUSES:
            raise TransientFailure(status_text(status), wait=retry_after(error.response.headers)) from error
        access = f", perhaps gated: {_how_to_get_access(page)}" if status in {401, 403} else ""
        raise Unavailable(status_text(status) + access) from error
    except hub.LocalEntryNotFoundError as error:  # asked for the metadata again, it got none
        raise Unavailable(first_line(error)) from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise as_failure(error) from error
    except hub.HFValidationError as error:
        raise Unavailable(first_line(error)) from error
    except OSError as error:
        if error.errno is not None:
            raise  # this machine's fault
        raise TransientFailure(first_line(error)) from error  # the file came shorter or longer than announced


def _from_package(source: BundledSource, folder: Path) -> Path:
    path = BUNDLED / source.bundled
    if not path.is_file():
        raise Unavailable("the package has no such file; install it again")
    return Path(shutil.copyfile(path, folder / "bundled"))


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A fresh folder inside `folder`: what a killed process left goes first, and a block that fails leaves nothing."""
    scratch = folder / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(exist_ok=True)
    try:
        yield scratch
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def _from_hub(source: HubSource, size: int, scratch: Path, progress: ByteProgress) -> Path:
    """One attempt by huggingface_hub, with the user's token.

    Its metadata are asked for on their own first: `hf_hub_download` (2.4) would try for 23 s where no connection leads
    out, and wait as long as a busy server says. During the download it resumes dropped connections and waits out 408
    and 429, but gives up at another 5xx or a reset: those are transient failures here. What a killed process left it
    starts anew.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    endpoint = hub_endpoint()
    with hub_faults(source.hub, source.revision):
        url = hf_hub_url(source.hub, source.file, revision=source.revision, endpoint=endpoint)
        announced = get_hf_file_metadata(url, endpoint=endpoint, library_name="mlip-zoo").size
        if announced is not None and announced > size:
            raise LargerFile(f"{announced:,} bytes")
        path = hf_hub_download(
            source.hub,
            source.file,
            revision=source.revision,
            endpoint=endpoint,
            local_dir=scratch,
            # else it would copy from the user's own Hub cache what may be damaged there
            cache_dir=scratch / ".hub",
            tqdm_class=_bar(progress, size),
            library_name="mlip-zoo",
        )
    return Path(path)


def _how_to_get_access(page: str) -> str:
    return f"accept the licence on {page}, then run `hf auth login` (or set HF_TOKEN)"


def _bar(progress: ByteProgress, size: int) -> type[Any]:
    """What huggingface_hub takes for a progress bar: it draws nothing, passes the count on, and ends what has no end.

    A server may send more than it announces, which huggingface_hub notices when it has all of it. Xet's count may pass
    a file's size by a little, so a chunk is left over.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils.tqdm import tqdm

    reached = 0

    class Bar(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, "disable": True})

        def update(self, n: float | None = 1) -> None:
            nonlocal reached
            self.n += n or 0
            if self.n > size + constants.DOWNLOAD_CHUNK_SIZE:
                raise LargerFile(f"{int(self.n):,} bytes or more")
            reached = max(reached, int(self.n))  # Xet keeps two bars, for bytes received and bytes put together
            progress(min(reached, size), size)

    return Bar


def _from_wheel(source: WheelSource, scratch: Path, *, offline: bool) -> Path:
    """Let uv unpack the wheel: its index, proxy and cache settings are the user's. No code of the package runs."""
    import uv

    try:
        command = [
            uv.find_uv_bin(),
            "pip",
            "install",
            source.wheel,
            "--target",
            str(scratch),
            "--python",
            sys.executable,
        ]
    except FileNotFoundError as error:
        raise Unavailable("the uv program is not installed") from error
    command += ["--no-deps", "--only-binary", ":all:", "--no-progress", "--color", "never"]
    command += ["--link-mode", "copy"]  # a hard link would tie our file to uv's cache
    command += ["--offline"] if offline else []
    try:
        # inside the scratch folder: the uv settings of the project in which the user stands are about that project
        done = subprocess.run(
            command, cwd=scratch, capture_output=True, text=True, errors="replace", timeout=WHEEL_LIMIT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"uv did not finish within {WHEEL_LIMIT:.0f} s") from error
    if done.returncode != 0:
        said = " ".join(" ".join(done.stderr.strip().splitlines()[-6:]).split())
        raise Unavailable(f"uv could not get it: {said or f'exit status {done.returncode}'}")
    path = scratch / source.file
    if not path.is_file():
        raise Unavailable("the package has no such file")
    return path
