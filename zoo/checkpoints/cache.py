"""Checkpoints by hash: fetch, verify, keep. The SHA-256 is the identity; where the bytes come from is a hint.

The cache (`MLIP_ZOO_CACHE`, or the user's cache folder):
    blobs/<sha256>       verified files, read-only; hashed again before each use
    partial/<sha256>/    a download under way; the next fetch goes on from what an interrupted one left
    locks/<sha256>.lock  one fetch of a file at a time; the kernel frees the lock of a killed process

Asked in this order: the cache, the mirrors (`MLIP_ZOO_MIRROR`; local, and the hash vouches for them), the card's
sources as they stand. Another source is asked when one does not have the file, never when one has other bytes.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zoo import files, settings
from zoo.cards.checkpoint import PinnedFile, UrlSource
from zoo.checkpoints.download import LargerFile, Unavailable
from zoo.checkpoints.sources import Mirror, bring
from zoo.errors import CheckpointError, CheckpointNotFound, ChecksumMismatch, OfflineError
from zoo.progress import ByteProgress

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claim:
    """Who says which bytes a file has, and what to do when they are others; for messages."""

    by: str = "the card pins"
    then: str = (
        "If this source is damaged, or a proxy on the way changes what it sends, mend or replace it. If the authors "
        "changed the file, it is another checkpoint: write a new card for it and leave this one as it is."
    )


BY_CARD = Claim()


def fetch(
    file: PinnedFile,
    *,
    label: str,
    progress: ByteProgress | None = None,
    command: str = "fetch",
    claim: Claim = BY_CARD,
) -> Path:
    """The file's verified bytes, in the cache, read-only.

    `label` is the card's name, `command` the one that brings its files, and `claim` who vouches for it, for messages.
    Safe to call from many threads and processes: one of them downloads.
    Raises ChecksumMismatch, CheckpointNotFound or OfflineError; CheckpointError when the cache cannot be written.
    """
    report = progress or _silent
    blob = _blob(file)
    if not _matches(blob, file):
        with _locked(file), _writing():
            if not _matches(blob, file):  # no other process fetched it while this one waited
                if blob.exists():
                    log.warning("%s: %s in the cache is damaged; it is fetched again", label, _describe(file))
                    blob.unlink()
                _bring(file, label, report, command, claim)
    report(file.bytes, file.bytes)
    return blob


def cached(file: PinnedFile) -> Path | None:
    """The file in the cache or in a mirror, if it is there and its hash is right; never asks a network."""
    found = [_blob(file)]
    for mirror in _mirrors():
        with contextlib.suppress(Unavailable):  # fetch says what is wrong with a mirror
            found.append(mirror.find(file.sha256))
    return next((path for path in found if _matches(path, file)), None)


def store(path: Path, file: PinnedFile) -> Path:
    """Copy a file that was made here (a conversion) into the cache. Raises ChecksumMismatch when it is not `file`."""
    _verify(path, file, label=path.name, origin=str(path))
    blob = _blob(file)
    with _locked(file), _writing():
        if not _matches(blob, file):
            with _partial(file) as partial:
                _keep(Path(shutil.copyfile(path, partial / "made")), file, label=path.name, origin=f"a copy of {path}")
    return blob


def export(
    file: PinnedFile, mirror: Path, *, label: str, progress: ByteProgress | None = None, command: str = "fetch"
) -> Path:
    """Fetch the file and put it into a mirror folder, as `<mirror>/<sha256>`. Raises what `fetch` raises."""
    blob = fetch(file, label=label, progress=progress, command=command)
    target = mirror / file.sha256
    if not _matches(target, file):
        with files.whole(target) as temporary:
            shutil.copyfile(blob, temporary)
            _verify(temporary, file, label=label, origin=f"the copy in {mirror}")
    return target


def _bring(file: PinnedFile, label: str, progress: ByteProgress, command: str, claim: Claim) -> None:
    """Ask the sources in their order, and keep what the first one that has the file brings."""
    tried: list[str] = []
    with _partial(file) as partial:
        for source in (*_mirrors(), *file.sources):
            try:
                candidate = bring(source, file, partial, progress, offline=settings.offline())
            except LargerFile as larger:
                raise _mismatch(file, label=label, origin=str(source), came=str(larger), claim=claim) from larger
            except Unavailable as reason:
                tried.append(f"  - {source}: {reason}")
                continue
            # A download by URL stops one byte past the pinned size.
            cut = isinstance(source, UrlSource) and candidate.stat().st_size > file.bytes
            _keep(candidate, file, label=label, origin=str(source), cut=cut, claim=claim)
            return
    asked = "\n".join(tried) or "  (the card names no source, and MLIP_ZOO_MIRROR no mirror)"
    if switch := settings.offline_switch():
        raise OfflineError(
            f"{label}: {_describe(file)} is not on this machine, and {switch} switches the network off.\n{asked}\n"
            f"On a connected machine run 'mlip-zoo {command} {label} --mirror DIR', bring DIR here and set "
            "MLIP_ZOO_MIRROR=DIR."
        )
    raise CheckpointNotFound(f"{label}: no source has {_describe(file)}:\n{asked}")


def _keep(
    candidate: Path, file: PinnedFile, *, label: str, origin: str, cut: bool = False, claim: Claim = BY_CARD
) -> None:
    """Verify a file that lies in the cache's partial folder, and make it the blob."""
    _verify(candidate, file, label=label, origin=origin, cut=cut, claim=claim)
    blob = _blob(file)
    with files.whole(blob) as temporary:
        candidate.replace(temporary)
    blob.chmod(0o444)


def _verify(
    path: Path, file: PinnedFile, *, label: str, origin: str, cut: bool = False, claim: Claim = BY_CARD
) -> None:
    size, sha256 = path.stat().st_size, files.sha256(path)
    if (size, sha256) != (file.bytes, file.sha256):
        came = f"sha256 {sha256}, {size:,} bytes{' or more: reading stopped there' if cut else ''}"
        raise _mismatch(file, label=label, origin=origin, came=came, claim=claim)


def _mismatch(file: PinnedFile, *, label: str, origin: str, came: str, claim: Claim) -> ChecksumMismatch:
    return ChecksumMismatch(
        f"{label}: {origin} gave other bytes than {claim.by}.\n"
        f"  pinned: sha256 {file.sha256}, {file.bytes:,} bytes\n"
        f"  came:   {came}\n"
        f"Nothing was kept and no other source was asked. {claim.then}"
    )


def _matches(path: Path, file: PinnedFile) -> bool:
    return path.is_file() and path.stat().st_size == file.bytes and files.sha256(path) == file.sha256


@contextlib.contextmanager
def _partial(file: PinnedFile) -> Iterator[Path]:
    """The folder for a file on its way; gone when the file is kept or its bytes were wrong.

    When no source had it, or the process was interrupted, what is in it stays, and the next fetch goes on from there.
    """
    folder = settings.cache_dir() / "partial" / file.sha256
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    except ChecksumMismatch:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        if _blob(file).exists():
            shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            folder.rmdir()  # only if it is empty


@contextlib.contextmanager
def _locked(file: PinnedFile) -> Iterator[None]:
    import filelock

    folder = settings.cache_dir() / "locks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / f"{file.sha256}.lock")
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            log.info("another process is fetching %s; waiting for it", _describe(file))
            lock.acquire()
    except OSError as error:
        raise _unwritable(error) from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    """Around writing into the cache: an OSError becomes a CheckpointError that says what to do."""
    try:
        yield
    except OSError as error:
        raise _unwritable(error) from error


def _unwritable(error: OSError) -> CheckpointError:
    return CheckpointError(
        f"the cache {settings.cache_dir()} cannot be written ({error.strerror or error}). Make room there, or set "
        "MLIP_ZOO_CACHE to a folder that can be written."
    )


def _mirrors() -> tuple[Mirror, ...]:
    return tuple(Mirror(folder) for folder in settings.mirror_dirs())


def _blob(file: PinnedFile) -> Path:
    return settings.cache_dir() / "blobs" / file.sha256


def _describe(file: PinnedFile) -> str:
    return f"sha256 {file.sha256} ({file.bytes:,} bytes)"


def _silent(done: int, total: int) -> None:
    """Report nothing."""
