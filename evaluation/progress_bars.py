"""Progress bars: one line per entry on a terminal; nothing where nobody is looking."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from evaluation.harness.run import RunProgress


@contextlib.contextmanager
def progress_bars() -> Iterator[Callable[[str], Bar]]:
    """A maker of progress bars."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda title: Bar(title, None)
        return
    with Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}", markup=False),
        console=console,
    ) as bars:
        yield lambda title: Bar(title, bars)


class Bar:
    """One entry's line; without bars (nobody is looking) it is silent."""

    def __init__(self, title: str, bars: Bars | None) -> None:
        self._bars = bars
        self._task = bars.add_task(title, total=None, left="starting") if bars else None

    def say(self, text: str) -> None:
        """What is going on right now."""
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, left=text[-50:])

    def show(self, progress: RunProgress) -> None:
        """How far it is, and how long it will take."""
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, completed=progress.done, total=progress.total)
            left = "" if progress.seconds_left is None else f"{progress.seconds_left:.0f} s left"
            before = f"{progress.resumed} from before" if progress.resumed else ""
            self.say(", ".join(filter(None, (left, before))))
