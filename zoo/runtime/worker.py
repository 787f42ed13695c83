"""The worker's end of the pipe: runs in a family's own environment, by path, with `python -I`.

    FAMILY_PYTHON -I worker.py

It imports nothing of ours; frames.py and serving.py, the files beside it, are loaded by path. Each frame that comes in
asks for something, has an id, and gets one frame back that repeats the id:

    load     adapter, files, mode                        → ready   facts, device, packages, python
    compute  n_atoms, numbers, positions, cells, pbc,    → done    energies, forces, stresses, magmoms; errors, seconds
             charges, spins; magmoms, atoms_per_batch
    export                                               → done    the model's tensors; config
    stop     no reply, the process ends

A request that fails is answered by `error` or, when a smaller batch might do, `memory`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import resource
import select
import sys
from pathlib import Path
from typing import Any

# Libraries print to stdout and read from stdin, so the pipe gets descriptors of its own before they are imported.
PIPE_OUT = os.dup(1)
os.dup2(2, 1)
PIPE_IN = os.dup(0)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)


MEMORY_SHARE = 0.9
"""Of the memory that is free when a batch begins."""
IDLE = 10.0
"""Seconds without a request, after which memory goes back to the system.

Taking it again costs the next call 0.1 s or more, a third of a call of 64 atoms: no more than 1 % of such a pause.
"""


def neighbour(name: str) -> Any:
    """Import `name`.py of this file's folder."""
    spec = importlib.util.spec_from_file_location(f"mlip_zoo_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def limit_memory() -> None:
    """Make an allocation beyond what is free an error here, instead of the system's killing this process.

    An error can be answered with a smaller batch. It counts memory that is written to (RLIMIT_DATA), so that mapped
    libraries are free; what this process holds already counts on top, since others have what they have. Where the
    system does not tell what is free, nothing is limited.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        held = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5]) * resource.getpagesize()
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                limit = held + int(int(line.split()[1]) * 1024 * MEMORY_SHARE)
                resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def main() -> int:
    """Serve until the host closes the pipe or says stop."""
    frames, serving = neighbour("frames"), neighbour("serving")
    model: Any = None
    while True:
        if not select.select([PIPE_IN], [], [], IDLE)[0]:
            serving.free_memory()
        try:
            header, arrays = frames.read(PIPE_IN)
        except frames.Closed:  # the host has ended
            return 0
        try:
            if header["op"] == "stop":
                return 0
            if header["op"] == "load":
                files = {role: Path(path) for role, path in header["files"].items()}
                model = serving.Served(Path(header["adapter"]), files, header["mode"])
                reply, out = {"op": "ready", **model.about()}, {}
            elif header["op"] == "export":
                out, config = model.model.export()
                reply = {"op": "done", "config": config}
            else:
                if model.device == "cpu":
                    limit_memory()
                reply, out = model.compute(
                    arrays, magmoms=header.get("magmoms", False), atoms_per_batch=header.get("atoms_per_batch")
                )
        except BaseException as error:  # noqa: BLE001  # the host decides what to do about any error
            reply, out = serving.error_reply(error), {}
            del error
            serving.free_memory()
        frames.write(PIPE_OUT, {**reply, "id": header["id"]}, out)


if __name__ == "__main__":
    sys.exit(main())
