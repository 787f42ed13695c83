"""The environment variables: what each means, and that one module reads them."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import zoo
from zoo import settings

ROOT = Path(zoo.__file__).parent.parent
OURS = [path for package in ("zoo", "evaluation", "leaderboard") for path in sorted((ROOT / package).rglob("*.py"))]
READER = Path(settings.__file__)


def literals(source: str) -> Iterator[str]:
    """Texts of a program, those inside f-strings too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def names_a_variable(source: str) -> bool:
    return any(re.fullmatch(r"MLIP_ZOO_[A-Z_]*", text) for text in literals(source))


def test_one_module_reads_the_variables() -> None:
    # to read a variable, a program must name it by itself; a message names it in a sentence
    assert [path for path in OURS if names_a_variable(path.read_text(encoding="utf-8"))] == [READER]


@pytest.mark.parametrize(
    "source", ["import os\nos.environ['MLIP_ZOO_CACHE']", "os.getenv(f'MLIP_ZOO_{x}')", "NAME = 'MLIP_ZOO_CARDS'"]
)
def test_that_test_sees_a_second_reader(source: str) -> None:
    assert names_a_variable(source)


def test_every_variable_that_a_text_names_exists() -> None:
    named = {
        name: path.name
        for path in [*OURS, ROOT / "README.md"]
        for name in re.findall(r"MLIP_ZOO_[A-Z_]*[A-Z]", path.read_text(encoding="utf-8"))
    }
    assert named.keys() == {variable.name for variable in settings.VARIABLES if variable.name.startswith("MLIP_ZOO_")}


def test_the_table_has_one_row_for_each_variable() -> None:
    heading, rule, *rows = settings.table().splitlines()
    assert len(rows) == len(settings.VARIABLES)
    for variable, row in zip(settings.VARIABLES, rows, strict=True):
        assert row.startswith(f"| `{variable.name}` | ")
        assert row.count("|") == heading.count("|") == rule.count("|")


@pytest.mark.parametrize(
    ("value", "on"),
    [("1", True), ("true", True), (" Yes ", True), ("ON", True), ("0", False), ("no", False), ("", False)],
)
@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("MLIP_ZOO_OFFLINE", settings.offline),
        ("HF_HUB_OFFLINE", settings.offline),
        ("MLIP_ZOO_DEBUG", settings.debug),
    ],
)
def test_switches(name: str, read: Callable[[], bool], value: str, on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read() is False
    monkeypatch.setenv(name, value)
    assert read() is on


def test_the_switch_that_turned_the_network_off_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.offline_switch() is None
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert settings.offline_switch() == "HF_HUB_OFFLINE"
    monkeypatch.setenv("MLIP_ZOO_OFFLINE", "1")
    assert settings.offline_switch() == "MLIP_ZOO_OFFLINE"


def test_folders_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLIP_ZOO_CACHE", "cache")
    monkeypatch.setenv("MLIP_ZOO_CARDS", "~/cards")
    monkeypatch.setenv("MLIP_ZOO_MIRROR", os.pathsep.join(["one", "", "~/two"]))
    assert settings.cache_dir() == tmp_path / "cache"
    assert settings.cards_dir() == tmp_path / "home" / "cards"
    assert settings.mirror_dirs() == (tmp_path / "one", tmp_path / "home" / "two")


def test_what_holds_without_the_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLIP_ZOO_CACHE", raising=False)
    assert settings.cache_dir().name == "mlip-zoo"
    assert settings.mirror_dirs() == ()
    assert list(settings.cards_dir().glob("*.md"))
    assert settings.hub_endpoint() is None


def test_the_hubs_address_ends_without_a_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1/")
    assert settings.hub_endpoint() == "http://127.0.0.1:1"
