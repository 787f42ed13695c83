"""What a GPU gives: parity, the sandbox's cost, relaxation, phonon forces, streams, memory, speed; one JSON file.

    python tests/benchmarks/gpu_report.py build/gpu-report.json [PART...] [--device cuda] [--seconds 400]

Each part runs in a process of its own with a time limit, and the file is written anew after each: one that fails or is
late leaves the others. Works where no registry is reached: see MLIP_ZOO_WHEELS. `--device cpu --small` tries it out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

LIMITS = {
    "facts": 60,
    "parity": 120,
    "sandbox": 120,
    "ratio sevennet-0": 110,
    "ratio pet-tiny": 90,
    "relaxation": 120,
    "phonons": 90,
    "streams": 150,
    "memory": 90,
    "speed": 120,
}
"""Seconds, at most, in the order in which the parts run."""
INSIDE = {"ratio sevennet-0": "sevennet-0", "ratio pet-tiny": "pet-tiny", "relaxation": "sevennet-0"}
"""Parts that compute in process too, and the model in whose environment they run."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("parts", nargs="*")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="sizes for a try on a CPU")
    parser.add_argument("--seconds", type=float, default=900.0, help="in all; parts that come after are left out")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        run_one(given.one, given.out, device=given.device, small=given.small)
        return
    unknown = set(given.parts) - set(LIMITS)
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are: {', '.join(LIMITS)}")
    deadline = time.monotonic() + given.seconds
    found = json.loads(given.out.read_text()) if given.out.exists() else {}
    given.out.parent.mkdir(parents=True, exist_ok=True)
    for part in given.parts or LIMITS:
        left = deadline - time.monotonic()
        found[part] = (
            {"failed": "left out: no time"}
            if left < 5
            else measured(part, given, time_limit=min(LIMITS[part] * (8 if given.small else 1), left))
        )
        given.out.write_text(json.dumps(found, indent=1) + "\n")
        print(f"== {part}\n{json.dumps(found[part], indent=1)[:3000]}", flush=True)


def measured(part: str, given: argparse.Namespace, *, time_limit: float) -> dict[str, Any]:
    """What a part found, as far as it came."""
    clock = time.monotonic()
    beside = given.out.with_suffix(f".{part.replace(' ', '-')}.part")
    beside.unlink(missing_ok=True)
    failed = None
    try:
        command = [str(python_of(part)), __file__, str(beside), "--one", part, "--device", given.device]
        command += ["--small"] if given.small else []
        done = subprocess.run(
            command, env=variables(), capture_output=True, text=True, errors="replace", timeout=time_limit, check=False
        )
        if done.returncode:
            failed = f"exit {done.returncode}: {done.stderr[-2500:]}"
    except subprocess.TimeoutExpired as late:
        tail = (late.stderr or b"")[-1000:]
        failed = f"stopped after {time_limit:.0f} s: {tail!r}"
    except Exception as error:  # noqa: BLE001  # the other parts go on
        failed = f"{type(error).__name__}: {error}"[-2500:]
    found: dict[str, Any] = json.loads(beside.read_text()) if beside.exists() else {}
    beside.unlink(missing_ok=True)
    return {**found, **({"failed": failed} if failed else {}), "part_seconds": round(time.monotonic() - clock, 1)}


def python_of(part: str) -> Path:
    """The interpreter that a part runs in: ours, or one that has a family's packages and ours."""
    from zoo import settings
    from zoo.cards import index
    from zoo.runtime import environment

    if part not in INSIDE:
        return Path(sys.executable)
    if settings.wheels_dir() is None:
        from tests.benchmarks.isolation import python_with

        return python_with(INSIDE[part], extra="evaluation")
    family = environment.find(index.card(INSIDE[part]).family)
    family.ensure()
    return family.python


def variables() -> dict[str, str]:
    """The same allocator and threads on both sides of a pipe."""
    from zoo.sandbox.launch import KEEP_PAGES, THREADS

    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, **KEEP_PAGES, **dict.fromkeys(THREADS, "1"), "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


def run_one(part: str, beside: Path, *, device: str, small: bool) -> None:
    from tests.benchmarks import gpu_parts

    found: dict[str, Any] = {}

    lock = threading.Lock()

    def note(**figures: Any) -> None:
        with lock:
            found.update(figures)
            whole = beside.with_suffix(".tmp")
            whole.write_text(json.dumps(found, default=str))
            whole.replace(beside)

    kind, _, name = part.partition(" ")
    gpu_parts.PARTS[kind](note, device=device, small=small, **({"name": name} if name else {}))


if __name__ == "__main__":
    main()
