"""Compiled modules of an environment: written by the host, because a worker in a sandbox cannot.

Without them every start compiles what the model imports anew (chgnet: 1,800 of 12,600 modules, 10 s). A worker says
which files it imported, and the host compiles those; compiling reads a file and runs nothing of it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

TIME_LIMIT = 600.0
"""Seconds; compiling is given up then, and the next start goes on."""


def compile_missing(python: Path, sources: Iterable[object], *, version: str) -> int:
    """Compile those of `sources` that lie in this interpreter's environment and are not; returns how many.

    `version`: the interpreter's, such as '3.12.1'. What a worker says about other files is not believed.
    """
    folder = python.parent.parent / "lib"
    tag = "cpython-" + "".join(version.split(".")[:2])
    missing = [
        source
        for source in map(str, sources)
        if "\n" not in source and source.endswith(".py") and _compilable(Path(source), folder, tag)
    ]
    if missing:
        command = [str(python), "-I", "-S", "-m", "compileall", "-q", "-i", "-"]
        try:
            subprocess.run(
                command, input="\n".join(missing), capture_output=True, text=True, timeout=TIME_LIMIT, check=False
            )
        except subprocess.TimeoutExpired:
            return 0
    return len(missing)


def _compilable(source: Path, folder: Path, tag: str) -> bool:
    if ".." in source.parts or not source.is_relative_to(folder) or not source.is_file():
        return False
    return not (source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc").exists()
