"""In flight: chunks that run together, so that an accelerator has as many atoms at once as it takes.

A chunk of small cells is a few dozen atoms, which a GPU computes as fast as a few thousand. What chunks are is left as
it is: each has its own file, and on a CPU they run one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from evaluation.harness.store import Chunk

MOST_CHUNKS = 8
"""So much may have to be run again when a process is killed."""


def together(chunks: Iterable[Chunk], atoms: Callable[[], int] | None) -> Iterator[list[Chunk]]:
    """Chunks in their order, as many together as have `atoms` atoms in their samples, which may change on the way.

    `atoms`: None runs every chunk by itself.
    """
    group: list[Chunk] = []
    for chunk in chunks:
        size = sum(each.atoms for each in [*group, chunk])
        if group and (atoms is None or len(group) == MOST_CHUNKS or size > atoms()):
            yield group
            group = []
        group.append(chunk)
    if group:
        yield group
