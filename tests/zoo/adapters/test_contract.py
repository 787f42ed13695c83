"""Every adapter has the shape of `zoo.runtime.serving.Adapter`; read from its text: its packages are not here."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import toy
from zoo import adapters
from zoo.runtime import serving

ADAPTERS = [*(adapters.FOLDER / f"{family}.py" for family in adapters.families()), toy.ADAPTER]

Shape = tuple[list[str], list[str]]


def contract(function: Callable[..., object]) -> Shape:
    """Names of the positional and of the keyword-only arguments of a method, without `self`."""
    arguments = inspect.signature(function).parameters.values()
    names = [argument.name for argument in arguments if argument.kind is argument.POSITIONAL_OR_KEYWORD]
    return names[1:], [argument.name for argument in arguments if argument.kind is argument.KEYWORD_ONLY]


def written(function: ast.FunctionDef) -> Shape:
    positional = [argument.arg for argument in function.args.args if argument.arg != "self"]
    return positional, [argument.arg for argument in function.args.kwonlyargs]


def functions(body: list[ast.stmt]) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


def faults(source: str) -> list[str]:
    """What an adapter lacks of the contract."""
    tree = ast.parse(source)
    load = functions(tree.body).get("load")
    if load is None or written(load) != contract(serving.Adapter.load):
        return ["load"]
    name = ast.unparse(load.returns) if load.returns else ""
    model = next((node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name), None)
    if model is None:
        return [f"load returns {name or 'nothing that is named'}, which is no class of the file"]
    methods = functions(model.body)
    known = facts(model)
    # the argument of a model that says that it predicts magnetic moments
    moments = ["magmoms"] if "magmoms" in known else []
    more = {"compute": moments, "export": []}
    if methods.keys() & {"prepare", "answers"}:  # both halves or none
        more |= {"prepare": [], "answers": moments}
    found = []
    for each, keywords in more.items():
        owner = serving.AdapterModel if hasattr(serving.AdapterModel, each) else serving.PreparingModel
        positional, required = contract(getattr(owner, each))
        if each not in methods or written(methods[each]) != (positional, [*required, *keywords]):
            found.append(each)
    return found + ([] if serving.Facts.__required_keys__ <= known <= set(serving.Facts.__annotations__) else ["facts"])


def facts(model: ast.ClassDef) -> set[str]:
    """Keys of the dictionary that becomes `self.facts`."""
    for node in ast.walk(model):
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(node.value, ast.Dict):
            continue
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
        if ast.unparse(target) == "self.facts":
            return {
                key.value for key in node.value.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
            }
    return set()


@pytest.mark.parametrize("path", ADAPTERS, ids=lambda path: path.stem)
def test_an_adapter_has_the_shape_of_the_contract(path: Path) -> None:
    assert faults(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("old", "new", "missing"),
    [
        ("fidelity: str | None", "level: str | None", "load"),
        ("def compute(self, structures", "def compute(self, atoms", "compute"),
        ("def export(", "def weights(", "export"),
        ('"cutoff": 6.0', '"radius": 6.0', "facts"),
        ('"pbc": "any"', '"periodic": "any"', "facts"),
        ('"pbc": "any"', '"pbc": "any", "magmoms": True', "compute"),
        ("def export(", "def prepare(self, structures): ...\n\n    def export(", "answers"),
    ],
)
def test_that_test_sees_what_is_missing(old: str, new: str, missing: str) -> None:
    source = toy.ADAPTER.read_text(encoding="utf-8")
    assert old in source
    assert faults(source.replace(old, new)) == [missing]


def test_what_the_host_gives_a_model_is_what_the_contract_says() -> None:
    assert contract(serving.Adapter.load) == (["files"], ["device", "dtype", "forces", "fidelity", "runtime"])
    assert serving.Facts.__required_keys__ == {"parameters", "cutoff", "elements"}
    assert serving.Facts.__optional_keys__ == {"pbc", "reads", "magmoms"}
