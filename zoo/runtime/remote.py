"""The host's end of the pipe: starts a family's worker, sends batches, and starts it again when it has ended."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import ProtocolError, WorkerDied, WorkerError, WorkerOutOfMemory, WorkerStartError, WorkerTimeout
from zoo.runtime import frames
from zoo.runtime.process import Process, environment
from zoo.runtime.request import Raw, Request

log = logging.getLogger(__name__)

WORKER = Path(__file__).with_name("worker.py")
START_TIME_LIMIT = 600.0
"""Seconds for starting the process and loading the model."""
BATCH_TIME_LIMIT = 1800.0
"""Seconds for one batch."""


class Worker:
    """One worker process, started when it is needed.

    It starts on the first call (or `start`), is restarted after it died, and ends with `close`, with this object, or
    with this process, whichever comes first.
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
        self.adapter = adapter
        self.files = {role: str(path) for role, path in files.items()}
        self.mode = dict(mode)
        self.threads = threads
        self.batch_time_limit = batch_time_limit
        self.start_time_limit = start_time_limit
        self.info: dict[str, Any] = {}
        self.memory_gb: float | None = None
        self._process: Process | None = None
        self._lock = threading.RLock()

    def start(self) -> None:
        """Start the process and load the model, when that has not been done.

        Raises WorkerStartError with the adapter's error, WorkerDied or WorkerTimeout.
        """
        with self._lock:
            if self._process is not None:
                return
            self._process = Process(
                [str(self.python), "-I", str(WORKER)], environment=environment(threads=self.threads)
            )
            header = {"op": "load", "adapter": str(self.adapter), "files": self.files, "mode": self.mode}
            reply, _ = self._exchange(header, {}, self.start_time_limit)
            if reply["op"] != "ready":
                self.close()
                raise WorkerStartError(f"{self.adapter.stem} could not load the model: {_failure(reply)}")
            self.info = reply

    def compute(self, request: Request) -> Raw:
        """One batch through the model, as it is.

        A structure that the model cannot do is an entry of `errors`. Raises WorkerOutOfMemory when the batch does not
        fit, WorkerDied when the process ended twice in a row on it, WorkerTimeout, WorkerError.
        """
        with self._lock:
            try:
                reply, arrays = self._compute(request)
            except WorkerDied as error:
                log.warning("%s\nStarting it again.", error)
                reply, arrays = self._compute(request)
            if reply["op"] == "memory":
                raise WorkerOutOfMemory(f"{len(request)} structures, {request.n_atoms.sum()} atoms: {reply['error']}")
            if reply["op"] != "done":
                if len(request) == 1:
                    return Raw.failed(request, reply["error"])
                raise WorkerError(_failure(reply))
            self.memory_gb = reply["memory_gb"]
            return Raw(
                arrays["energies"], arrays["forces"], arrays.get("stresses"), reply["errors"], float(reply["seconds"])
            )

    def export(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The model's tensors by name and its configuration."""
        with self._lock:
            self.start()
            reply, arrays = self._exchange({"op": "export"}, {}, self.start_time_limit)
            if reply["op"] != "done":
                raise WorkerError(_failure(reply))
            return arrays, reply["config"]

    def close(self) -> None:
        """End the process. Calling it twice is fine; a later call starts a new one."""
        with self._lock:
            process, self._process = self._process, None
            if process is not None:
                process.stop()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # at interpreter exit anything may be gone already
            self.close()

    def _compute(self, request: Request) -> tuple[frames.Header, frames.Arrays]:
        self.start()
        return self._exchange({"op": "compute"}, request.arrays(), self.batch_time_limit)

    def _exchange(
        self, header: frames.Header, arrays: frames.Arrays, time_limit: float
    ) -> tuple[frames.Header, frames.Arrays]:
        process = self._process
        assert process is not None
        try:
            frames.write(process.to, header, arrays)
            return frames.read(process.back, time.monotonic() + time_limit)
        except frames.Late:
            self._process = None
            process.kill()
            raise WorkerTimeout(
                f"the {self.adapter.stem} worker did not answer within {time_limit:g} s and was stopped"
                f"{process.stderr_tail()}"
            ) from None
        except (frames.Closed, BrokenPipeError):
            self._process = None
            raise WorkerDied(f"the {self.adapter.stem} worker died ({process.end()}){process.stderr_tail()}") from None
        except frames.NotAFrame as error:
            self._process = None
            process.kill()
            raise ProtocolError(f"the {self.adapter.stem} worker: {error}{process.stderr_tail()}") from None
        except BaseException:  # Ctrl-C: the pipe holds half an exchange, so this process cannot be used again
            self._process = None
            process.kill()
            raise


def _failure(reply: Mapping[str, Any]) -> str:
    return f"{reply['error']}\n{reply.get('trace', '')}".rstrip()
