"""How long the command takes to start, beside nothing but importing the libraries that it needs.

    python tests/benchmarks/startup.py

Prints the medians of both over alternating runs, and their ratio.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 15
LIBRARIES = "import pydantic, rich.console, rich.table, typer, yaml; pydantic.BaseModel"
CASES = {
    "mlip-zoo list": ["-m", "zoo", "list"],
    "import zoo": ["-c", "import zoo"],
    "its libraries": ["-c", LIBRARIES],
}


def measure(runs: int) -> dict[str, list[float]]:
    """Seconds by the clock of each case, in turn."""
    seconds: dict[str, list[float]] = {case: [] for case in CASES}
    for _ in range(runs):
        for case, arguments in CASES.items():
            clock = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
            seconds[case].append(time.perf_counter() - clock)
    return seconds


def main() -> None:
    seconds = measure(RUNS)
    for case, taken in seconds.items():
        print(f"{case:16} {statistics.median(taken):.3f} s (best {min(taken):.3f})")
    pairs = zip(seconds["mlip-zoo list"], seconds["its libraries"], strict=True)
    print(f"ratio            {statistics.median(a / b for a, b in pairs):.2f}")


if __name__ == "__main__":
    main()
