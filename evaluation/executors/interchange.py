"""Parsl's interchange, which ends with the process that started it: `python -m evaluation.executors.interchange`.

By itself it outlives a killed process, and with it its blocks, idle until their walltime. When it is gone, the workers
miss its heartbeat and end.
"""

from __future__ import annotations

import os
import runpy
import threading

_LOOK_SECONDS = 5.0


def _end_with(parent: int) -> None:
    pause = threading.Event()
    while os.getppid() == parent:
        pause.wait(_LOOK_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    runpy.run_module("parsl.executors.high_throughput.interchange", run_name="__main__")
