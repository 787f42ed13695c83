"""Importing costs nothing, and what must stand alone does."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

import zoo

ROOT = Path(zoo.__file__).parent.parent
PACKAGES = ("zoo", "evaluation", "leaderboard")
HEAVY = ("altair", "ase", "httpx2", "huggingface_hub", "matplotlib", "numpy", "pandas", "pyarrow", "scipy", "torch")
ALONE = [
    *(ROOT / "zoo" / "runtime" / f"{name}.py" for name in ("frames", "serving", "worker")),
    *sorted((ROOT / "zoo" / "adapters").glob("[!_]*.py")),
    *(ROOT / "evaluation" / "recipes" / f"{name}.py" for name in ("fit", "resident")),
    *sorted((ROOT / "evaluation" / "recipes" / "networks").glob("[!_]*.py")),
    ROOT / "evaluation" / "solvers" / "phono3py.py",
]

WITH_TORCH = {
    "evaluation.physics.optimizer": "it derives from torch-sim's classes; the first relaxation imports it",
    "evaluation.recipes.fit": "runs by path in a family's environment; nothing of ours imports it",
    "evaluation.recipes.resident": "as fit, which loads it by path",
    "evaluation.recipes.networks.pet": "as fit, which loads it by path",
    "evaluation.recipes.networks.sevennet": "as fit, which loads it by path",
}
"""Modules that may import torch, and why that costs nothing at a start."""


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python on our packages; every warning is an error."""
    command = [sys.executable, "-W", "error", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=ROOT.parent, env=environment, capture_output=True, text=True, check=False)


def imported_by(statement: str) -> set[str]:
    """Top-level packages that a fresh process has imported after `statement`."""
    done = python("-c", f"{statement}\nimport sys; print(*sys.modules)")
    assert done.returncode == 0, done.stderr
    return {module.partition(".")[0] for module in done.stdout.split()}


def modules() -> Iterator[str]:
    """Names of all our modules, but for the programs, torch-sim's interface, the adapters (for other environments), and
    those with torch."""
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts).removesuffix(".__init__")
            program = parts[-1] in {"__main__", "torch_sim", "worker"}
            if parts[:2] != ("zoo", "adapters") and not program and name not in WITH_TORCH:
                yield name


def test_public_names() -> None:
    assert zoo.__all__ == ["Batch", "Card", "Mode", "Potential", "errors", "get_card", "load", "names"]
    for name in zoo.__all__:
        assert getattr(zoo, name) is not None
    assert set(dir(zoo)) == {*zoo.__all__, "__version__"}


def test_no_public_name_is_a_modules_name() -> None:
    # importing zoo.load would replace a function zoo.load by the module
    clashes = [name for name in zoo.__all__ if (ROOT / "zoo" / f"{name}.py").exists()]
    assert clashes == ["errors"]


def test_a_misspelt_name_is_answered_with_the_right_ones() -> None:
    with pytest.raises(AttributeError, match=r"'zoo' has no attribute 'laod'; it offers .*load"):
        zoo.laod  # type: ignore[attr-defined]  # noqa: B018


def test_the_version_is_the_distributions() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert zoo.__version__ == declared


def test_import_zoo_is_light() -> None:
    # how long it takes stands in benchmarks/startup.py: a time is no test on a machine that others use
    assert imported_by("import zoo").isdisjoint({*HEAVY, "pydantic", "yaml"})


def test_reading_cards_is_light() -> None:
    assert imported_by("import zoo; [zoo.get_card(name) for name in zoo.names()]").isdisjoint(HEAVY)


def test_the_command_starts_light() -> None:
    # how long it takes stands in benchmarks/startup.py: a time is no test on a machine that others use
    assert imported_by("from zoo.command import app; app()").isdisjoint(HEAVY)


def test_importing_any_module_says_nothing_and_loads_no_model() -> None:
    imports = "\n".join(f"import {module}" for module in modules())
    done = python("-c", f"{imports}\nimport sys; assert 'torch' not in sys.modules")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("file", ALONE, ids=lambda file: file.stem)
def test_what_runs_in_a_familys_environment_imports_nothing_of_ours(file: Path) -> None:
    # zoo is not installed there; the worker loads the files beside it by path
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            roots = {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name}:{node.lineno} imports relatively"
            roots = {(node.module or "").partition(".")[0]}
        else:
            continue
        assert roots.isdisjoint(PACKAGES), f"{file.name}:{node.lineno}"


def test_no_circle_between_modules() -> None:
    assert circular(grimp.build_graph(*PACKAGES)) == []


def circular(graph: grimp.ImportGraph) -> list[str]:
    """Modules on a circle or upstream of one: what is left when those without a remaining import are taken away."""
    left = {module: set(graph.find_modules_directly_imported_by(module)) for module in graph.modules}
    while free := {module for module, imported in left.items() if not imported}:
        left = {module: imported - free for module, imported in left.items() if module not in free}
    return sorted(left)
