"""Names of types: one meaning each, so that a person can search for it."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import zoo

PACKAGE = Path(zoo.__file__).parent

# The worker loads these two by path, so that neither can import the other's.
TWICE = {"Arrays": {"frames", "serving"}, "Header": {"frames", "serving"}}


def types(tree: ast.Module) -> set[str]:
    """Classes of a module, and its aliases of types: `Say = Callable[[str], None]`, `Source = A | B`."""
    found = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript | ast.BinOp):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name) and not target.id.isupper()}
    return {name for name in found if name.lstrip("_")[:1].isupper() and not name.startswith("_")}


def test_no_two_types_have_one_name() -> None:
    where: dict[str, set[str]] = defaultdict(set)
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.parent.name != "adapters":  # programs of their own, each in its family's environment
            for name in types(ast.parse(path.read_text(encoding="utf-8"))):
                where[name].add(path.stem)
    assert {"Batch", "Say", "Source"} <= where.keys()
    assert {name: modules for name, modules in where.items() if len(modules) > 1} == TWICE
