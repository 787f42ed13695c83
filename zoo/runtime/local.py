"""A family's model in this very process, for those who run inside its environment and want no pipe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.errors import WorkerOutOfMemory, WorkerStartError
from zoo.runtime import answer, serving
from zoo.runtime.request import Raw, Request


class Local:
    """The same answers as a Worker, without a process. Never opens a pickle: it takes the safetensors form only."""

    def __init__(self, *, adapter: Path, files: Mapping[str, Path], mode: Mapping[str, str | None]) -> None:
        if "upstream" in files:
            raise WorkerStartError("an upstream checkpoint is opened only inside a worker; use isolated=True")
        self.memory_gb: float | None = None
        self.process_memory_gb: float | None = None
        self.process_cpu_seconds: float | None = None  # until the first answer
        try:
            self._served = serving.Served(adapter, dict(files), dict(mode))
        except ImportError as error:
            raise WorkerStartError(
                f"{adapter.stem} cannot run in this process ({error}); leave isolated=None, and it gets its own "
                "environment"
            ) from error
        except Exception as error:  # noqa: BLE001  # whatever the family's packages raise
            failure = answer.failure_text(serving.error_reply(error))
            raise WorkerStartError(f"{adapter.stem} could not load the model: {failure}") from None
        self.info: dict[str, Any] = answer.about(self._served.about())

    def start(self) -> None:
        """The model was loaded when this was made."""

    def compute(self, request: Request) -> Raw:
        """One batch through the model. Raises WorkerOutOfMemory when it does not fit, MalformedAnswer."""
        try:
            header, arrays = self._served.compute(
                request.arrays(), magmoms=request.magmoms, atoms_per_batch=request.atoms_per_batch
            )
        except Exception as error:
            if serving.is_out_of_memory(error):
                serving.free_memory()
                raise WorkerOutOfMemory(str(error)) from error
            if len(request) > 1:
                raise
            return answer.failed(request, f"{type(error).__name__}: {error}")
        self.memory_gb = answer.number(header, "memory_gb")
        self.process_memory_gb = answer.optional_number(header, "process_memory_gb")
        self.process_cpu_seconds = answer.optional_number(header, "process_cpu_seconds")
        return answer.accept(request, header, arrays)

    def close(self) -> None:
        """Nothing to end; the memory goes with the object."""
