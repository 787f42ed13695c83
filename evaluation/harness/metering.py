"""Metering: what running a chunk takes beside the model's own time, measured from the host."""

from __future__ import annotations

import os
import resource
import sys
import time
from importlib import import_module
from typing import Any, Protocol, Self, cast

from evaluation.ledger import ChunkCost


class Metered(Protocol):
    """What is asked of a potential: the memory that it has taken so far."""

    @property
    def info(self) -> dict[str, Any]: ...
    @property
    def memory_gb(self) -> float | None: ...
    @property
    def process_memory_gb(self) -> float | None: ...
    @property
    def process_cpu_seconds(self) -> float | None: ...


class Meter:
    """Use it as a context manager around a chunk's work; `cost` says afterwards what it took."""

    def __init__(self, potential: Metered) -> None:
        self._potential = potential
        self._counter: EnergyCounter | None = None
        self.cost: ChunkCost | None = None

    def __enter__(self) -> Self:
        info = self._potential.info  # starts the model, so that the device is known and the start is no chunk's
        self._accelerated = info["accelerator"] is not None
        if self._accelerated:
            self._counter = EnergyCounter(str(info["device"]))
        self._began, self._cpu, self._energy = time.time(), time.process_time(), self._joules()
        self._worker_cpu = self._potential.process_cpu_seconds
        self._clock = time.monotonic()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            return
        took = time.monotonic() - self._clock
        energy = self._joules()
        self.cost = ChunkCost(
            began=self._began,
            seconds=took,
            host_cpu_seconds=time.process_time() - self._cpu,
            worker_cpu_seconds=self._worker_cpu_seconds(),
            host_memory_gb=host_memory_gb(),
            worker_memory_gb=self._potential.process_memory_gb,
            device_memory_gb=self._potential.memory_gb if self._accelerated else None,
            energy_joules=None if energy is None or self._energy is None else energy - self._energy,
            energy_unknown=self._counter.unknown if self._counter else None,
        )

    def _joules(self) -> float | None:
        return self._counter.joules() if self._counter else None

    def _worker_cpu_seconds(self) -> float | None:
        """None of a worker that was started meanwhile: where it began to count is unknown."""
        before, now = self._worker_cpu, self._potential.process_cpu_seconds
        return None if before is None or now is None or now < before else now - before


def host_memory_gb() -> float:
    """Largest resident memory of this process so far, GB."""
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


class EnergyCounter:
    """Reads the energy that an NVIDIA accelerator has taken since its driver was loaded.

    It counts the whole device, whoever uses it. `device`: 'cuda' or 'cuda:1', as CUDA_VISIBLE_DEVICES counts.
    """

    def __init__(self, device: str) -> None:
        self.unknown: str | None = None
        """Why it has told nothing at least once; None as long as it tells."""
        try:
            self._nvml = cast("_Nvml", import_module("pynvml"))
        except ImportError:
            self.unknown = "the package nvidia-ml-py is missing: pip install 'mlip-zoo[energy]'"
            return
        try:
            self._nvml.nvmlInit()
            self._handle = _handle(self._nvml, int(device.partition(":")[2] or 0))
        except (self._nvml.NVMLError, ValueError, IndexError) as error:
            self.unknown = _told(error)

    def joules(self) -> float | None:
        """J; None where nothing tells, and `unknown` says why."""
        if self.unknown is not None:
            return None
        try:
            return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)) / 1000
        except self._nvml.NVMLError as error:
            self.unknown = _told(error)
            return None


def _told(error: Exception) -> str:
    return f"NVML: {type(error).__name__}: {error}"


class _Nvml(Protocol):
    """What is asked of the package nvidia-ml-py."""

    NVMLError: type[Exception]

    def nvmlInit(self) -> None: ...  # noqa: N802
    def nvmlDeviceGetHandleByIndex(self, index: int) -> object: ...  # noqa: N802
    def nvmlDeviceGetHandleByUUID(self, name: str) -> object: ...  # noqa: N802
    def nvmlDeviceGetTotalEnergyConsumption(self, handle: object) -> int: ...  # noqa: N802


def _handle(nvml: _Nvml, index: int) -> object:
    visible = [each.strip() for each in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if each.strip()]
    name = visible[index] if visible else str(index)
    return nvml.nvmlDeviceGetHandleByIndex(int(name)) if name.isdigit() else nvml.nvmlDeviceGetHandleByUUID(name)
