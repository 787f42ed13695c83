"""Provenance: where, with what and by which commit a result was made."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from evaluation.result import Hardware
from zoo.checks.commit import commit

__all__ = ["commit", "hardware", "now", "packages", "version"]

# Distributions of the host whose versions can move a number
HOST_PACKAGES = ("ase", "numpy", "scipy", "pyarrow", "safetensors")


def now() -> str:
    """UTC, ISO 8601, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def packages() -> dict[str, str]:
    """Versions of the host's packages that can move a number."""
    return {name: importlib.metadata.version(name) for name in HOST_PACKAGES}


def version() -> str:
    """Version of mlip-zoo."""
    return importlib.metadata.version("mlip-zoo")


def hardware(accelerator: str | None) -> Hardware:
    """This machine; `accelerator` is what the worker saw."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Hardware(cpu=_cpu(), cores=os.cpu_count() or 1, memory_gb=round(pages / 1e9, 1), accelerator=accelerator)


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
