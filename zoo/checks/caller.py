"""Caller: one daemon thread that calls the potential, so that a call which never returns can't hold the report."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from types import TracebackType
from typing import Self, TypeVar

from zoo.errors import WorkerDied, WorkerTimeout

T = TypeVar("T")


class Caller:
    """Runs calls one after the other, always in the same thread: frameworks keep state per thread."""

    def __init__(self, time_limit: float) -> None:
        self.time_limit = time_limit
        """Seconds per call."""
        self.calls = 0
        self.longest = 0.0
        """Seconds of the slowest call so far."""
        self._lost = False
        self._calls: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._replies: queue.SimpleQueue[tuple[object, BaseException | None]] = queue.SimpleQueue()
        threading.Thread(target=self._serve, name="mlip-zoo check", daemon=True).start()

    def run(self, call: Callable[[], T]) -> T:
        """The call's value, or its exception.

        Raises WorkerTimeout after the time limit (the thread is lost with the call; there is no more to ask of it) and
        WorkerDied where the potential tried to end the process or its own pipe broke.
        """
        if self._lost:
            raise WorkerTimeout("an earlier call has not come back")
        self.calls += 1
        started = time.monotonic()
        self._calls.put(call)
        try:
            value, error = self._replies.get(timeout=self.time_limit)
        except queue.Empty:
            self._lost = True
            raise WorkerTimeout(f"no answer within {self.time_limit:g} s") from None
        finally:
            self.longest = max(self.longest, time.monotonic() - started)
        if isinstance(error, (SystemExit, EOFError, ConnectionError, BrokenExecutor)):
            raise WorkerDied(f"the potential ended: {type(error).__name__}: {error}") from error
        if error is not None:
            raise error
        return value  # type: ignore[return-value]  # the queue carries one call's T at a time

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._calls.put(None)

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                reply: tuple[object, BaseException | None] = (call(), None)
            except BaseException as error:  # noqa: BLE001  # run() raises it in the thread that asked
                reply = (None, error)
            self._replies.put(reply)
