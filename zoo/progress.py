"""Progress of long work: a line that moves on a terminal or in a notebook, silence everywhere else."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

Say = Callable[[str], None]
"""Takes a line about what is going on."""
ByteProgress = Callable[[int, int], None]
"""Takes the number of bytes so far, and of all bytes."""


@contextlib.contextmanager
def status(title: str) -> Iterator[Say]:
    """A spinner with `title`; the function that it yields shows what is going on right now."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True)
    if not (console.is_terminal or console.is_jupyter):
        yield lambda _: None
        return
    with console.status(escape(title)) as spinner:
        yield lambda text: spinner.update(f"{escape(title)} [dim]{escape(text[-80:])}[/]")


def download(say: Say) -> ByteProgress:
    """A callback for `zoo.checkpoints.cache.fetch` that says how far a download is."""

    def show(done: int, total: int) -> None:
        say(f"{done / 1e6:.1f} of {total / 1e6:.1f} MB")

    return show
