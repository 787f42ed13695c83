"""Origin: by what a chunk's records were made. It lies in the chunk's file, where a merge reads it."""

from __future__ import annotations

from collections.abc import Mapping

from evaluation.errors import ProtocolMismatch
from evaluation.result import Hardware
from zoo.strict import Strict

_ALIKE = ("conditions_sha256", "version", "python", "packages", "calls_per_answer", "commit")
"""Fields in which all chunks of a merged result agree. Hardware may differ: the result lists it."""
_WORDS = {
    "conditions_sha256": "conditions (conditions.json)",
    "version": "version of mlip-zoo",
    "python": "Python of the model",
    "packages": "packages of the host",
    "calls_per_answer": "averaging",
    "commit": "commit of the code",
}


class Origin(Strict):
    """The process that made a chunk's records."""

    conditions_sha256: str
    """Hash of the run's conditions: entry, checkpoint, protocol, data set, device, threads, the model's packages."""
    commit: str | None
    version: str
    """Of mlip-zoo."""
    python: str
    """In the model's environment."""
    packages: dict[str, str]
    """Distribution → version, on the host."""
    hardware: Hardware
    calls_per_answer: int
    """Model calls of one answer of the entry's mode."""
    peak_memory_gb: float | None
    """Largest resident memory of the worker so far."""
    started: str
    """When the process began, UTC, ISO 8601."""
    stored: str
    """When the records were written, UTC, ISO 8601."""


def require_alike(origins: Mapping[str, Origin], *, other_commits: bool) -> None:
    """Raise ProtocolMismatch where these, by chunk, differ in what moves numbers.

    other_commits: whether chunks of several commits are taken together; the result names all of them.
    """
    for field in _ALIKE:
        if field == "commit" and other_commits:
            continue
        values = {name: getattr(origin, field) for name, origin in origins.items()}
        first, *others = values.items()
        other = next((each for each in others if each[1] != first[1]), None)
        if other is not None:
            keep = "; --other-commits takes them together, and the result names both" if field == "commit" else ""
            raise ProtocolMismatch(
                f"chunk {first[0]} and {other[0]} are not of one {_WORDS[field]}: {_short(first[1])} and "
                f"{_short(other[1])}. Move one of the two files away (in 'records') and run its shard again{keep}"
            )


def _short(value: object) -> str:
    return str(value)[:200]
