"""Solver: a script of `evaluation/solvers` in an environment of its own, asked through files.

A question and its answer are files of arrays in the run's folder. An answer that is there is not asked for again, so
that a solver goes on where it was interrupted and never needs the model.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

import numpy as np

from evaluation.errors import SolverFault
from evaluation.solvers.array_cache import Arrays, Kept, read, write
from zoo import settings
from zoo.files import sha256
from zoo.progress import Say
from zoo.runtime import environment
from zoo.runtime.environment import Environment
from zoo.sandbox.launch import THREADS
from zoo.text import last_lines

SCRIPTS = Path(__file__).parent
_LAST_LINES = 15


class SolverError(ValueError):
    """The solver could not answer this question; the text is its own."""


def find(name: str) -> Environment:
    """The environment that a solver's header describes. Raises zoo.errors.EnvironmentFault without exact pins."""
    return environment.describe(SCRIPTS / f"{name}.py")


class Solver:
    """Asks a solver's script, several processes at a time, one thread each. Use it as a context manager."""

    def __init__(self, name: str, kept: Kept, *, processes: int | None = None, say: Say | None = None) -> None:
        """`processes`: at most so many at once; None: one for each core that is this process's."""
        self.environment = find(name)
        self.kept = kept
        self._script_sha256 = sha256(self.environment.adapter)
        self._say = say
        self._pool = ThreadPoolExecutor(processes or settings.solver_cores(), thread_name_prefix=name)

    def __enter__(self) -> Self:
        self.environment.ensure(say=self._say)
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def ask(self, task: str, given: Arrays) -> Future[Arrays]:
        """The answer's future. Its `result()` raises SolverError, or SolverFault for what is not the question's fault.

        An answer belongs to the script and the packages that gave it: another version is asked again.
        """
        about = {"task": np.array(task), "script": np.array(self._script_sha256)}
        return self._pool.submit(self._answer, task, {**given, **about})

    def _answer(self, task: str, question: Arrays) -> Arrays:
        answer = self.kept.path(task, question)
        if not answer.is_file():
            self._run(question, answer)
        found = read(answer)
        if "error" in found:
            raise SolverError(str(found["error"]))
        return found

    def _run(self, question: Arrays, answer: Path) -> None:
        answer.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=answer.parent, prefix=".question-") as scratch:
            asked = Path(scratch) / "question.npz"
            write(asked, question)
            done = subprocess.run(  # our own script in an environment that we built
                [str(self.environment.python), "-I", str(self.environment.adapter), str(asked), str(answer)],
                cwd=scratch,  # libraries that leave files behind leave them there
                env=_variables(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                check=False,
            )
        if done.returncode or not answer.is_file():
            how = (
                f"signal {signal.Signals(-done.returncode).name}" if done.returncode < 0 else f"exit {done.returncode}"
            )
            words = last_lines(done.stderr, limit=500, lines=_LAST_LINES).replace("\n", "\n  ")
            raise SolverFault(f"the solver {self.environment.family} ended without an answer ({how}):\n  {words}")


def _variables() -> dict[str, str]:
    # what speaks of the host's own environment would only mislead another one
    mine = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "CONDA", "MPL"))}
    return {**mine, **dict.fromkeys(THREADS, "1")}
