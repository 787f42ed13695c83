"""The authors' own calculator makes the canary: by a script, in a worker, without any adapter of the zoo."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from typer.testing import CliRunner

from tests import toy
from tests.pinned import pinned
from tests.zoo.broken import AltersAnswer
from tests.zoo.reference_model import ReferenceModel
from zoo import example_crystals
from zoo.batch import Batch
from zoo.cards import authors as answers_file
from zoo.cards import index
from zoo.cards.authors import Authors, AuthorsAnswer
from zoo.cards.card import Card
from zoo.checkpoints import cache
from zoo.checks import authors, canary
from zoo.checks.bench import Bench
from zoo.checks.caller import Caller
from zoo.checks.finding import Verdict
from zoo.checks.suite import judged
from zoo.command import app
from zoo.errors import CardError, EnvironmentFault, WorkerError, WorkerStartError
from zoo.runtime.environment import Environment

SCRIPT = '''# /// script
# requires-python = ">=3.12"
# dependencies = ["ase==3.29.0", "numpy==2.5.4", "safetensors==0.8.0"]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# ///
"""Lennard-Jones, as ASE makes it."""

import json
from pathlib import Path

from ase.calculators.lj import LennardJones


def calculator(files: dict[str, Path]) -> LennardJones:
    found = json.loads(files["upstream"].read_text())
    return LennardJones(sigma=found["sigma"], epsilon=found["epsilon"], rc=6.0, smooth=True)
'''
CHECKPOINT = json.dumps({"sigma": 2.2, "epsilon": 0.1}).encode()


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The toy's card and checkpoint; this interpreter stands for the environment of a script."""
    folder = tmp_path / "cards"
    folder.mkdir()
    file = pinned(CHECKPOINT)
    text = toy.CARD.replace('"' + "0" * 64 + '", bytes: 1', f'"{file.sha256}", bytes: {file.bytes}')
    (folder / "toy.md").write_text(text, encoding="utf-8")
    monkeypatch.setenv("MLIP_ZOO_CARDS", str(folder))
    monkeypatch.setenv("MLIP_ZOO_CACHE", str(tmp_path / "cache"))
    (tmp_path / "toy.json").write_bytes(CHECKPOINT)
    cache.store(tmp_path / "toy.json", file)
    monkeypatch.setattr(Environment, "ensure", lambda *_, **__: None)
    monkeypatch.setattr(Environment, "python", property(lambda _: Path(sys.executable)))
    return folder


def script(folder: Path, text: str = SCRIPT) -> Path:
    path = folder.parent / "authors.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_command_writes_answers_and_script_beside_the_card(cards: Path) -> None:
    before = index.card("toy")
    done = CliRunner().invoke(app(), ["canary", "toy", "--with", str(script(cards)), "--json"])
    assert done.exit_code == 0, done.output
    found = index.card("toy").authors
    assert found is not None
    assert found.model_dump(mode="json") == json.loads(done.stdout)
    assert list(found.answers) == sorted((*example_crystals.names(), *example_crystals.element_names()))
    assert found.packages["ase"] == "3.29.0"
    assert (cards / "canaries" / "toy.py").read_text() == SCRIPT
    assert found.checkpoint_sha256 == pinned(CHECKPOINT).sha256
    assert index.card("toy").claims_sha256 != before.claims_sha256, "what was checked before was without them"


@pytest.mark.parametrize(
    ("before", "after", "kind", "says"),
    [
        ('"numpy==2.5.4"', '"numpy==2.5.4", "mlip_zoo==0.1"', CardError, "from the authors' calculator alone"),
        (', "numpy==2.5.4"', "", EnvironmentFault, "also need numpy, each"),
        (', "safetensors==0.8.0"', "", EnvironmentFault, "also need safetensors"),
        ("numpy==2.5.4", "numpy", EnvironmentFault, "needs '=='"),
        ("def calculator", "def other", WorkerStartError, "has no function 'calculator"),
        pytest.param("rc=6.0", "rc=float('nan')", WorkerError, "no answer for", marks=pytest.mark.slow),
        ("json.loads(", "open('/etc/passwd').read() + json.loads(", WorkerStartError, "passwd"),
    ],
)
def test_a_script_of_no_use_writes_nothing(
    cards: Path, before: str, after: str, kind: type[Exception], says: str
) -> None:
    assert before in SCRIPT
    with pytest.raises(kind, match=says.replace("(", r"\(")):
        authors.answers(index.card("toy"), script(cards, SCRIPT.replace(before, after)))
    assert not (cards / "canaries").exists()


def test_elements_alone_are_no_canary(cards: Path) -> None:
    with pytest.raises(CardError, match="elements alone cannot show"):
        authors.crystals(index.card("toy").model_copy(update={"elements": ("Cu", "Al", "Na")}))


def test_answers_that_somebody_damaged_are_a_fault_of_the_card(cards: Path) -> None:
    (cards / "canaries").mkdir()
    (cards / "canaries" / "toy.json").write_text('{"answers": {"../x": 1}}')
    with pytest.raises(CardError, match=r"canaries/toy\.json: "):
        index.card("toy")


# --- what the check makes of them -----------------------------------------------------------------------------------


def verdict(model: ReferenceModel, card: Card) -> Verdict:
    with Caller(60.0) as caller:
        bench = Bench(
            model,
            caller,
            structures={},
            card=card,
            forces="conservative",
            fidelity=None,
            averaging="none",
            rotation="exact",
            inversion="exact",
            dtype="float64",
        )
        return judged("canary", canary.canary, bench)


@pytest.fixture(scope="module")
def answered() -> Card:
    """A card whose authors' calculator is the reference model."""
    names = ("mgo-rocksalt", "nacl-rocksalt", "cu-fcc", "si-diamond")
    batch = ReferenceModel().compute([example_crystals.distorted(name) for name in names])
    assert batch.stresses is not None
    found = zip(names, batch.energies, batch.forces, batch.stresses, strict=True)
    card = index.card("chgnet-0.3.0")
    assert card.checkpoint.upstream
    return card.model_copy(
        update={
            "canary": None,
            "authors": Authors(
                day="2026-11-27",
                mode="conservative",
                checkpoint_sha256=card.checkpoint.upstream.sha256,
                script_sha256="0" * 64,
                python="3.12.1",
                packages={},
                answers={name: authors.summary(float(e), f, s) for name, e, f, s in found},
            ),
        }
    )


def test_the_same_model_agrees(answered: Card) -> None:
    assert verdict(ReferenceModel(), answered).status == "passed"


def test_wrong_compounds_with_right_elements_are_told_apart(answered: Card) -> None:
    def compounds(atoms: Sequence[Atoms], batch: Batch) -> Batch:
        extra = np.array([1.9 * len(each) if len(set(each.numbers)) > 1 else 0.0 for each in atoms])
        return replace(batch, energies=batch.energies + extra)

    found = verdict(AltersAnswer(compounds), answered)
    assert found.status == "failed"
    assert found.detail.startswith("compounds are wrong and elements right: species in another order")
    assert "-rocksalt has energy" in found.detail
    found = verdict(AltersAnswer(lambda _, batch: replace(batch, energies=batch.energies + 1.0)), answered)
    assert found.detail.startswith("another model, another unit, or species mixed up")


def test_answers_of_another_checkpoint_or_unknown_crystals_are_told(answered: Card) -> None:
    assert answered.authors
    other = answered.authors.model_copy(update={"checkpoint_sha256": "1" * 64})
    found = verdict(ReferenceModel(), answered.model_copy(update={"authors": other}))
    assert (found.status, "another checkpoint" in found.detail) == ("failed", True)
    unknown = answered.authors.model_copy(
        update={"answers": {"xe-fcc": AuthorsAnswer(energy_ev_per_atom=0.0, max_force_ev_per_angstrom=0.0)}}
    )
    found = verdict(ReferenceModel(), answered.model_copy(update={"authors": unknown}))
    assert (found.status, "not known here: xe-fcc" in found.detail) == ("failed", True)


def test_files_lie_beside_the_card(tmp_path: Path) -> None:
    assert answers_file.path(tmp_path / "a.b.md") == tmp_path / "canaries" / "a.b.json"
