"""Provenance: where, with what and by which commit a result was made."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from evaluation.result import Hardware
from zoo import settings

# Distributions of the host whose versions can move a number
HOST_PACKAGES = ("ase", "numpy", "scipy", "pyarrow", "safetensors")


def now() -> str:
    """UTC, ISO 8601, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def commit() -> str | None:
    """Commit of the checkout that this code runs from, `-dirty` when it has uncommitted changes.

    Outside of one it is what the user says (`zoo.settings.commit`), or None.
    """
    here = Path(__file__).parent
    found = _git(here, "rev-parse", "HEAD")
    if found is None:
        return settings.commit()
    return f"{found}-dirty" if _git(here, "status", "--porcelain", "--untracked-files=no") else found


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


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # our own words
            ["git", "-C", str(folder), *arguments],  # noqa: S607  # whichever git the user has
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
