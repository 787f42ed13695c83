"""All benchmarks of a CPU as one JSON file, which the site shows: ratios within one run, each with its n and spread.

    python -m tests.benchmarks.bench OUT.json [PART...] [--model chgnet-0.3.0] [--small]

Each part runs in a process of its own with a time limit, and the file is written anew after each: one that fails or is
late leaves the others. `make gpu-report` is the same for a GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

LIMITS = {
    "startup": 120,
    "store": 900,
    "site": 600,
    "planning": 600,
    "executors": 3600,
    "isolation": 1200,
    "relaxation": 3600,
    "phonons": 600,
    "projection": 600,
}
"""Seconds, at most, in the order in which the parts run."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("parts", nargs="*")
    parser.add_argument("--model", default="chgnet-0.3.0")
    parser.add_argument("--small", action="store_true", help="sizes for a try")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(PARTS[given.one](given.model, given.small)))
        return
    found = json.loads(given.out.read_text()) if given.out.exists() else {}
    given.out.parent.mkdir(parents=True, exist_ok=True)
    for part in given.parts or LIMITS:
        found[part] = _measured(part, given)
        given.out.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(f"== {part}\n{json.dumps(found[part], indent=1)}", flush=True)


def _measured(part: str, given: argparse.Namespace) -> dict[str, Any]:
    clock = time.monotonic()
    command = [sys.executable, "-m", "tests.benchmarks.bench", str(given.out), "--one", part, "--model", given.model]
    command += ["--small"] if given.small else []
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, start_new_session=True, stdout=pipe, stderr=pipe) as running:
        try:
            out, err = running.communicate(timeout=LIMITS[part])
            told = json.loads(out.splitlines()[-1]) if running.returncode == 0 else {"failed": err[-1500:]}
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)  # its programs as well: they would slow the next part down
            told = {"failed": f"stopped after {LIMITS[part]} s"}
    load = os.getloadavg()[0]
    return {**told, "part_seconds": round(time.monotonic() - clock, 1), "load": load, "small": given.small}


def startup(_: str, small: bool) -> dict[str, Any]:  # all parts are called alike
    from tests.benchmarks import startup as measured

    found = measured.measure(3 if small else measured.RUNS)
    pairs = zip(found["mlip-zoo list"], found["its libraries"], strict=True)
    return {
        **{f"{case}, s": spread(seconds) for case, seconds in found.items()},
        "mlip-zoo list / its libraries": spread([mine / theirs for mine, theirs in pairs]),
    }


def store(_: str, small: bool) -> dict[str, Any]:
    from tests.benchmarks.store import measure

    return measure(10_000, 1_000) if small else measure(1_000_000, 257_000)


def site(_: str, small: bool) -> dict[str, Any]:
    from leaderboard.ranking.collect import PUBLISHED, collect
    from leaderboard.site.build import build

    clock, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        build(collect([PUBLISHED]), Path(folder) / "site")
        files = sum(path.is_file() for path in Path(folder).rglob("*"))
    return {"seconds": time.perf_counter() - clock, "CPU seconds": time.process_time() - cpu, "files": files}


def planning(_: str, small: bool) -> dict[str, Any]:
    from leaderboard.planning.measured import measured
    from leaderboard.ranking.collect import PUBLISHED
    from tests.benchmarks.planning import errors

    return {
        f"from {basis}: {quantity}": {
            "n": told["n"],
            "off by a factor, median": told[quantity]["median"],
            "off by less than this factor in 90 %": told[quantity]["p90"],
            "share within 25 %": told[quantity]["within_quarter"] / told["n"],
        }
        for basis, told in errors(measured([PUBLISHED])).items()
        for quantity in ("atoms", "seconds")
    }


def executors(model: str, small: bool) -> dict[str, Any]:
    from tests.benchmarks.executors import measure

    if small:
        return {what: spread(values) for what, values in measure(model, "eos", "fast", workers=[2]).items()}
    runs = {
        "formation, fast": measure(model, "formation", "fast", workers=[1, 2], ceiling=True),
        "formation, full": measure(model, "formation", "full", workers=[2]),
    }
    return {f"{run}: {what}": spread(values) for run, found in runs.items() for what, values in found.items()}


def isolation(model: str, small: bool) -> dict[str, Any]:
    from tests.benchmarks.isolation import run_inside

    return {
        f"{part}: (isolated - in process) / in process, {case}": {"median": middle, "low": low, "high": high}
        for case, parts in run_inside(model).items()
        for part, (low, middle, high) in parts.items()
    }


def _ratio(low: float, mid: float, high: float, *, n: int) -> dict[str, float]:
    return {"median": 1 + mid, "low": 1 + low, "high": 1 + high, "n": n}


def relaxation(model: str, small: bool) -> dict[str, Any]:
    from tests.benchmarks import relaxation as measured
    from tests.benchmarks.isolation import run_inside

    program = Path(measured.__file__)
    arguments = ["--device", "cpu", *(["--small"] if small else [])]
    found = run_inside(model, program=program, extra="evaluation", arguments=arguments)
    return {f"{case} / batched": spread(ratios) for case, ratios in found.items()}


def phonons(_: str, small: bool) -> dict[str, Any]:
    from tests.benchmarks import gpu_parts

    found: dict[str, Any] = {}
    gpu_parts.PARTS["phonons"](lambda **told: found.update(told), device="cpu", small=True)
    return found


def projection(_: str, small: bool) -> dict[str, Any]:
    from tests.benchmarks.projection import measure

    return measure(repeats=2, rounds=1) if small else measure(repeats=4, rounds=3)


def spread(values: list[float]) -> dict[str, float]:
    """Median, range and number."""
    return {"median": median(values), "low": min(values), "high": max(values), "n": len(values)}


PARTS: dict[str, Callable[[str, bool], dict[str, Any]]] = {
    "startup": startup,
    "store": store,
    "site": site,
    "planning": planning,
    "executors": executors,
    "isolation": isolation,
    "relaxation": relaxation,
    "phonons": phonons,
    "projection": projection,
}


if __name__ == "__main__":
    main()
