"""The packages of an environment: no worker changes what the host or another environment imports."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.zoo.sandbox.test_sandbox import ADAPTER, CU, opened
from zoo.runtime import bytecode, environment, linking
from zoo.runtime.environment import Environment, describe


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """The adapter's own environment, as a family's is built."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLIP_ZOO_CACHE", str(tmp_path_factory.mktemp("cache")))
        made = describe(ADAPTER)
        made.ensure()
        yield made


CHANGES = """
import os, pathlib, ase
package = pathlib.Path(ase.__file__)
copied = package.with_name("copied.py")
changes = [
    lambda: package.open("a").write("# harm"),
    lambda: package.with_name("harm.py").write_text("harm"),
    lambda: package.parent.parent.joinpath("harm.pth").write_text("import harm"),
    lambda: copied.write_bytes(package.read_bytes()) and copied.replace(package),
    lambda: package.parent.rename(package.parent.with_name("renamed")),
    lambda: (os.chmod(package, 0o666), package.open("a").write("# harm")),
    lambda: next(package.parent.glob("__pycache__/__init__*")).open("r+b").write(b"harm"),
]
outcome = 0
for change in changes:
    try:
        change()
        outcome += 1
    except OSError:
        pass
"""


@pytest.mark.usefixtures("mode")
def test_no_package_of_the_environment_is_changed(built: Environment, tmp_path: Path) -> None:
    packages = next(built.folder.glob("lib/python*/site-packages"))

    def state() -> dict[str, tuple[int, ...]]:
        files = [path for path in packages.rglob("*") if path.is_file()]
        return {str(path): (path.stat().st_mtime_ns, path.stat().st_size, path.stat().st_mode) for path in files}

    with opened(tmp_path, "import ase; outcome = 0", python=built.python) as potential:
        potential.compute([CU])
    before = state()
    assert any("/ase/__pycache__/__init__" in name for name in before)  # so that the next start need not compile it
    with opened(tmp_path, CHANGES, python=built.python) as potential:
        assert potential.compute([CU]).energies[0] == 0
    assert state() == before


def test_without_a_sandbox_the_environment_shares_no_file(
    built: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLIP_ZOO_SANDBOX", "none")
    package = next(built.folder.glob("lib/python*/site-packages/ase/__init__.py"))
    other = tmp_path / "another environment's"
    other.hardlink_to(package)
    receipt = built.folder / environment.RECEIPT
    receipt.write_text(json.dumps({**json.loads(receipt.read_text()), linking.OWN_FILES: False}))
    text, permissions = package.read_text(), package.stat().st_mode
    change = "import pathlib, ase\noutcome = pathlib.Path(ase.__file__).open('a').write('# harm')"
    with opened(tmp_path, change, python=built.python) as potential:
        assert potential.compute([CU]).energies[0] > 0
    assert package.read_text() == text + "# harm"
    assert (other.read_text(), package.stat().st_mode) == (text, permissions)
    assert all(
        path.stat().st_nlink == 1 for path in built.folder.rglob("*") if path.is_file() and not path.is_symlink()
    )


def test_the_host_compiles_what_lies_in_the_environment_and_no_more(built: Environment, tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("x = 1")
    inside = next(built.folder.glob("lib/python*/site-packages")) / "mlip_zoo_new.py"
    inside.write_text("raise SystemExit('it ran')")
    told = [
        "",
        7,
        str(outside),
        f"{inside.parent}/../../../../outside.py",
        "/etc/passwd",
        f"{inside}\n{outside}",
        str(inside),
    ]
    version = sys.version.split()[0]
    assert bytecode.compile_missing(built.python, told, version=version) == 1
    assert len(list(inside.parent.glob("__pycache__/mlip_zoo_new.*"))) == 1
    assert not (tmp_path / "__pycache__").exists()
    assert bytecode.compile_missing(built.python, told, version=version) == 0
    inside.unlink()
