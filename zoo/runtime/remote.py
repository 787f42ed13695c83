"""The host's end of the pipe: starts a family's worker, sends batches, and starts it again when it has ended."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import threading
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import (
    MalformedAnswer,
    ProtocolError,
    WorkerDied,
    WorkerError,
    WorkerOutOfMemory,
    WorkerStartError,
    WorkerTimeout,
)
from zoo.runtime import answer, bytecode, environment, frames
from zoo.runtime.process import Process
from zoo.runtime.request import Raw, Request
from zoo.sandbox import choice
from zoo.sandbox.launch import Launch, accelerators, launch
from zoo.text import one_line

log = logging.getLogger(__name__)

WORKER = Path(__file__).with_name("worker.py")
START_TIME_LIMIT = 600.0
"""Seconds for starting the process and loading the model."""
BATCH_TIME_LIMIT = 1800.0
"""Seconds for one batch."""
_LOADED_BYTES = 1 << 25
"""Of the reply to a request to load: facts and packages."""


class Worker:
    """One worker process, started when it is needed.

    It starts on the first call (or `start`), is restarted after it died, and ends with `close`, with this object, or
    with this process, whichever comes first. Threads take turns. A process that is forked from this one has a worker
    of its own from its first call on.
    """

    def __init__(
        self,
        *,
        python: Path,
        adapter: Path,
        files: Mapping[str, Path],
        mode: Mapping[str, str | None],
        threads: int | None = None,
        batch_time_limit: float = BATCH_TIME_LIMIT,
        start_time_limit: float = START_TIME_LIMIT,
    ) -> None:
        self.python = python
        self.adapter = adapter.absolute()  # the worker stands in a folder of its own
        self.files = {role: str(path.absolute()) for role, path in files.items()}
        self.mode = dict(mode)
        self.threads = threads
        self.batch_time_limit = batch_time_limit
        self.start_time_limit = start_time_limit
        self.info: dict[str, Any] = {}
        self.memory_gb: float | None = None
        self.process_memory_gb: float | None = None
        self.process_cpu_seconds: float | None = None
        self._process: Process | None = None
        self._lock = threading.RLock()
        _workers.add(self)

    def start(self) -> None:
        """Start the process and load the model, when that has not been done.

        Raises WorkerStartError with the adapter's error, WorkerDied or WorkerTimeout; SandboxUnavailable.
        """
        with self._lock:
            if self._process is not None:
                return
            started = self._launch()
            self._process = Process(started.command, environment=started.environment)
            header = {"op": "load", "adapter": str(self.adapter), "files": self.files, "mode": self.mode}
            reply, _ = self._exchange(header, {}, time_limit=self.start_time_limit, max_bytes=_LOADED_BYTES)
            if reply["op"] != "ready":
                self.close()
                raise WorkerStartError(f"{self.adapter.stem} could not load the model: {answer.failure_text(reply)}")
            try:
                self.info = answer.about(reply)
                self.process_cpu_seconds = answer.optional_number(reply, "process_cpu_seconds")
            except MalformedAnswer as error:
                self.close()
                raise WorkerStartError(f"{self.adapter.stem} loaded the model, and {error}") from None
            sources = reply.get("sources")
            if isinstance(sources, list) and (self.python.parent.parent / environment.RECEIPT).is_file():
                bytecode.compile_missing(self.python, sources, version=str(reply.get("python")))

    def compute(self, request: Request) -> Raw:
        """A request through the model, as it is.

        A structure that the model cannot do is an entry of `errors`. Raises WorkerOutOfMemory when the batch does not
        fit, MalformedAnswer when what comes back cannot be its answer, WorkerDied when the process ended twice in a
        row on it, WorkerTimeout, ProtocolError, WorkerError.
        """
        with self._lock:
            try:
                reply, arrays = self._compute(request)
            except WorkerDied as error:
                log.warning("%s\nStarting it again.", error)
                reply, arrays = self._compute(request)
            if reply["op"] == "memory":
                reason = one_line(str(reply.get("error")), limit=500)
                raise WorkerOutOfMemory(f"{len(request)} structures, {request.n_atoms.sum()} atoms: {reason}")
            if reply["op"] != "done":
                if len(request) == 1:
                    return answer.failed(request, reply.get("error"))
                raise WorkerError(answer.failure_text(reply))
            self.memory_gb = answer.number(reply, "memory_gb")
            self.process_memory_gb = answer.optional_number(reply, "process_memory_gb")
            self.process_cpu_seconds = answer.optional_number(reply, "process_cpu_seconds")
            _count_answers(request.n_batches)
            return answer.accept(request, reply, arrays)

    def export(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The model's tensors by name and its configuration."""
        with self._lock:
            self.start()
            # tensors may be held in more digits than the files have, and others be computed from them
            max_bytes = (1 << 30) + 4 * sum(Path(file).stat().st_size for file in self.files.values())
            reply, arrays = self._exchange({"op": "export"}, {}, time_limit=self.start_time_limit, max_bytes=max_bytes)
            if reply["op"] != "done":
                raise WorkerError(answer.failure_text(reply))
            return arrays, reply.get("config", {})

    def close(self) -> None:
        """End the process. Calling it twice is fine; a later call starts a new one."""
        with self._lock:
            process, self._process = self._process, None
            if process is not None:
                process.stop()

    def forget(self) -> None:
        """What a forked child does with its copy: the process is the parent's, and a lock may be held for ever."""
        self._lock = threading.RLock()
        self._process = None

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # at interpreter exit anything may be gone already
            self.close()

    def _launch(self) -> Launch:
        gpu = self.mode.get("device") != "cpu" and bool(accelerators())
        mode = choice.effective(gpu=gpu and choice.accelerated())
        if mode == "none":
            environment.make_own(self.python.parent.parent)
        return launch(
            mode=mode,
            python=self.python,
            program=WORKER,
            read=[self.adapter, *map(Path, self.files.values())],
            gpu=gpu,
            threads=self.threads,
        )

    def _compute(self, request: Request) -> tuple[frames.Header, frames.Arrays]:
        self.start()
        return self._exchange(
            {"op": "compute", "magmoms": request.magmoms, "atoms_per_batch": request.atoms_per_batch},
            request.arrays(),
            time_limit=self.batch_time_limit * request.n_batches,
            max_bytes=answer.max_bytes(request),
        )

    def _exchange(
        self, header: frames.Header, arrays: frames.Arrays, *, time_limit: float, max_bytes: int
    ) -> tuple[frames.Header, frames.Arrays]:
        """A question and its answer, which repeats the question's id: no other frame is taken for it."""
        process = self._process
        assert process is not None
        name = f"the {self.adapter.stem} worker"
        question = secrets.token_hex(16)
        deadline = time.monotonic() + time_limit
        try:
            frames.write(process.to, {**header, "id": question}, arrays, deadline)
            reply, got = frames.read(process.back, deadline, max_bytes=max_bytes)
            if reply.get("id") != question or not isinstance(reply.get("op"), str):
                raise frames.NotAFrame("it answered a question that was not asked")
        except frames.Late:
            self._process = None
            process.kill()
            raise WorkerTimeout(
                f"{name} did not answer within {time_limit:g} s and was stopped{process.stderr_tail()}"
            ) from None
        except (frames.Closed, BrokenPipeError):
            self._process = None
            raise WorkerDied(f"{name} died ({process.end()}){process.stderr_tail()}") from None
        except frames.NotAFrame as error:
            self._process = None
            process.kill()
            raise ProtocolError(f"{name}: {one_line(str(error), limit=500)}{process.stderr_tail()}") from None
        except BaseException:  # Ctrl-C: the pipe holds half an exchange, so this process cannot be used again
            self._process = None
            process.kill()
            raise
        return reply, got


def answers() -> int:
    """Batches that workers of this process have answered so far: whether a long calculation still moves."""
    return _answers[0]


def _count_answers(n: int) -> None:
    _answers[0] += n


_answers = [0]
_workers: weakref.WeakSet[Worker] = weakref.WeakSet()


def _after_fork() -> None:
    for worker in list(_workers):
        worker.forget()


os.register_at_fork(after_in_child=_after_fork)
