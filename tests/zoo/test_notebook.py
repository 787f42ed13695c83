"""In a notebook: the kernel's own settings do not get in the way, and the worker ends with the kernel."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

CELLS = (
    "import zoo\nfrom ase.build import bulk\npotential = zoo.load('chgnet-0.3.0', threads=1)\npotential",
    "atoms = bulk('NaCl', 'rocksalt', a=5.69)\natoms.calc = potential\nround(atoms.get_potential_energy(), 3)",
    "potential._backend._process._popen.pid",
)


@pytest.mark.filterwarnings("default")  # the notebook client's own, about event loops and transports
def test_a_notebook_loads_computes_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbclient
    import nbformat

    kernel = tmp_path / "kernels" / "here"
    kernel.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "here", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="here").execute()
    shown = [cell.outputs[-1]["data"]["text/plain"] for cell in notebook.cells]
    assert shown[:2] == ["<Potential chgnet-0.3.0@conservative>", "-7.336"]

    worker = Path("/proc") / shown[2]
    for _ in range(6000):
        if not worker.exists():
            return
        time.sleep(0.1)
    pytest.fail("the worker outlived its kernel")
