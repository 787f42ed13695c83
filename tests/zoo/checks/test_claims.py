"""What a card claims against what the loaded model says; declared defects; what makes an entry verified."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.formula import Formula

from tests import toy
from tests.zoo.broken import AltersAnswer
from tests.zoo.reference_model import ReferenceModel
from zoo import example_crystals
from zoo.batch import Batch
from zoo.cards import checked, index
from zoo.cards.card import Card, parse_card, read_card
from zoo.cards.defects import worth_declaring
from zoo.cards.mode import Mode
from zoo.checks import chemistry
from zoo.checks.bench import Bench
from zoo.checks.caller import Caller
from zoo.checks.finding import Conformance, Finding, Measure, Status, Verdict, graded
from zoo.checks.record import record
from zoo.checks.suite import CHECKS, check, judged
from zoo.errors import CardError, WorkerStartError

FACTS: Mapping[str, object] = {"parameters": [412525, 412525], "cutoff": 6.0, "elements": ["Mg", "O"]}


class Told(ReferenceModel):
    """The reference model as one that was loaded by name: it has facts, and other modes."""

    def __init__(self, facts: object = FACTS, others: Mapping[str, ReferenceModel | Exception] | None = None) -> None:
        super().__init__()
        self.told, self.others = facts, others or {}

    @property
    def info(self) -> dict[str, Any]:
        return {"facts": self.told, "device": "cpu"}

    def in_other_modes(self) -> Iterator[tuple[Mode, Any]]:
        for text, other in self.others.items():
            yield Mode.parse(text), Closing(other)


class Closing:
    """A potential in another mode, which is closed after use."""

    def __init__(self, other: ReferenceModel | Exception) -> None:
        self.other = other

    def __enter__(self) -> Closing:
        return self

    def __exit__(self, *_: object) -> None: ...

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        if isinstance(self.other, Exception):
            raise self.other
        return self.other.compute(atoms)


@pytest.fixture(scope="module")
def card() -> Card:
    """A real card, with a defect for the chemistry of Morse pairs."""
    found = index.card("chgnet-0.3.0")
    return found.model_copy(update={"canary": None, "defects": {"chemistry": {"eV/atom": 50.0}}})


def verdict(name: str, potential: ReferenceModel, card: Card, **changes: object) -> Verdict:
    """Of one check alone: the others take seconds."""
    function = next(each for each in CHECKS if each.__name__ == name)
    card = card.model_copy(update=changes)
    with Caller(60.0) as caller:
        bench = Bench(
            potential,
            caller,
            structures={name: example_crystals.distorted(name) for name in ("mgo-rocksalt", "nacl-rocksalt")},
            card=card,
            forces="conservative",
            fidelity=None,
            averaging="none",
            rotation="exact",
            inversion="exact",
            dtype="float64",
        )
        return judged(name, function, bench)


def true_to(card: Card) -> Told:
    """A model that says of itself what the card says."""
    return Told({**FACTS, "elements": list(card.elements or ())}, {"conservative": ReferenceModel()})


@pytest.mark.parametrize("name", ["cutoff", "parameters", "elements", "modes"])
def test_a_card_that_says_what_the_model_says_passes(card: Card, name: str) -> None:
    assert verdict(name, true_to(card), card).status == "passed"


def test_a_declared_defect_is_told_with_its_size(card: Card) -> None:
    found = verdict("chemistry", true_to(card), card)
    assert found.status == "declared"
    assert found.detail.startswith("a known defect, declared up to 50 eV/atom")


@pytest.mark.slow  # every check
def test_nothing_else_fails(card: Card) -> None:
    found = check(true_to(card), card=card, dtype="float64", inversion="exact")
    assert found.failed == ()
    assert found.trained_datasets == ()


@pytest.mark.parametrize(
    ("changes", "name", "says"),
    [
        ({"cutoff": 5.0}, "cutoff", "the card says 5 Å and the loaded model 6 Å"),
        ({"parameters": 400_000}, "parameters", "the card says 400,000 and the loaded model 412,525"),
        ({"elements": ("Mg", "U")}, "elements", "claims U, which the loaded model does not know"),
    ],
)
def test_a_false_fact_fails(card: Card, changes: dict[str, object], name: str, says: str) -> None:
    found = verdict(name, Told(), card, **changes)
    assert found.status == "failed"
    assert says in found.detail


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({**FACTS, "cutoff": "6"}, "cutoff"),
        ({**FACTS, "cutoff": float("nan")}, "cutoff"),
        ({**FACTS, "parameters": [True]}, "parameters"),
        ({**FACTS, "elements": [["Mg"]]}, "elements"),
        ({"cutoff": 6.0, "parameters": [412525]}, "elements"),
        ([], "cutoff"),
    ],
)
def test_facts_of_no_use_are_told(card: Card, facts: object, name: str) -> None:
    assert verdict(name, Told(facts), card, elements=("Mg", "O")).status == "failed"


@pytest.mark.parametrize(
    ("mode", "other", "says"),
    [
        ("direct+float64", ReferenceModel(), "direct forces are those of conservative, to the last bit"),
        ("conservative+r2scan+float64", ReferenceModel(), "the answer as r2scan is that as None, to the last bit"),
        (
            "conservative",
            AltersAnswer(lambda _, batch: replace(batch, energies=batch.energies + 0.1)),
            "in float32 the energy differs",
        ),
        ("direct", WorkerStartError("no such \x1b[31mhead"), "it cannot be loaded: no such head"),
        (
            "direct",
            AltersAnswer(lambda _, batch: replace(batch, energies=batch.energies * np.nan)),
            "direct: structure 0 (MgO, 2 atoms): energy not finite",
        ),
    ],
)
def test_a_mode_that_is_not_there_fails(card: Card, mode: str, other: ReferenceModel | Exception, says: str) -> None:
    found = verdict("modes", Told(others={mode: other}), card)
    assert found.status == "failed"
    assert says in found.detail


# --- chemistry ------------------------------------------------------------------------------------------------------


class Bound(ReferenceModel):
    """Binds each compound of the check as nature does, but for `off` eV/atom in MgO."""

    def __init__(self, off: float) -> None:
        super().__init__()
        self.off, self.known = off, chemistry.enthalpies()

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        batch = super().compute(atoms)
        for row, each in enumerate(atoms):
            formula = next((name for name in self.known if set(each.symbols) == set(Formula(name))), "")
            known = self.known.get(formula, 0.0)
            batch.energies[row] = len(each) * (known + (self.off if formula == "MgO" else 0.0))
        return batch


def formation(card: Card, off: float, **changes: object) -> Verdict:
    return verdict("chemistry", Bound(off), card, **{"defects": {}, **changes})


def test_compounds_that_are_bound_as_in_nature_pass(card: Card) -> None:
    assert formation(card, 0.3).status == "passed"


def test_species_in_another_order_are_found_by_name(card: Card) -> None:
    found = formation(card, 1.9)
    assert found.status == "failed"
    assert "looks like species in another order" in found.detail
    assert "MgO -1.22 (-3.12)" in found.detail


def test_a_declared_defect_does_not_cover_another_species(card: Card) -> None:
    found = formation(card, 1.9, defects={"chemistry": {"eV/atom": 1.2}})
    assert found.status == "failed"
    assert found.detail.startswith("larger than the defect that the card declares (1.2 eV/atom)")


def test_an_undertrained_model_declares_its_size(card: Card) -> None:
    found = formation(card, 1.9, defects={"chemistry": {"eV/atom": 2.3}})
    assert found.status == "declared"
    assert "cannot be told from mixed-up species by this check" in found.detail


def test_enthalpies_are_per_atom() -> None:
    found = chemistry.enthalpies()
    assert found["MgO"] == pytest.approx(-3.118, abs=1e-3)
    assert found["ZnO"] == pytest.approx(-350.5 / 96.485 / 2, abs=1e-3)


def test_enthalpies_are_those_of_other_sources() -> None:
    """NASA TM-4513 (1993), as Cantera 3.2.0 has it in `nasa_condensed.yaml`; of ZnO Wikipedia, -350.46 ± 0.27."""
    others = {"MgO": -601.25, "CaO": -635.09, "NaCl": -411.13, "KCl": -436.69, "LiCl": -408.25, "ZnO": -350.46}
    assert pytest.approx(others, abs=0.4) == chemistry.ENTHALPIES_KJ_PER_MOL


def test_what_the_card_does_not_list_is_not_asked(card: Card) -> None:
    assert formation(card, 1.9, elements=("Na", "Cl")).status == "passed"
    assert formation(card, 1.9, elements=("Zn", "S")).status == "skipped"


def test_the_crystals_are_those_of_their_molecules() -> None:
    bonds = {symbol: chemistry.elements()[symbol].get_all_distances(mic=True) for symbol in ("O", "Cl")}
    assert {symbol: round(float(found[found > 0].min()), 2) for symbol, found in bonds.items()} == {
        "O": 1.21,
        "Cl": 1.95,
    }
    assert set().union(*(set(atoms.symbols) for atoms in chemistry.compounds().values())) == set(chemistry.elements())


# --- declared defects -----------------------------------------------------------------------------------------------

BEYOND = Finding((Measure("energy", 2e-3, 1e-6, "eV/atom"), Measure("force", 1e-2, 5e-4, "eV/Å")), diagnosis="off")


@pytest.mark.parametrize(
    ("declared", "status"),
    [
        ({}, "failed"),
        ({"eV/atom": 3e-3, "eV/Å": 2e-2}, "declared"),
        ({"eV/atom": 3e-3}, "failed"),
        ({"eV/atom": 1e-3, "eV/Å": 2e-2}, "failed"),
    ],
)
def test_a_defect_is_a_mark_within_its_size(declared: dict[str, float], status: str) -> None:
    verdict = graded("extensivity", BEYOND, declared=declared)
    assert verdict.status == status
    assert verdict.sizes == {"eV/atom": 2e-3, "eV/Å": 1e-2}


def test_a_size_is_refuted_also_where_nothing_was_claimed() -> None:
    unclaimed = replace(BEYOND, unclaimed="rotation is learned")
    assert graded("rotation", unclaimed).status == "skipped"
    assert graded("rotation", unclaimed, declared={"eV/Å": 1e-3}).status == "failed"


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        ("{shapes: {eV: 1.0}}", "defects.shapes"),
        ("{extensivity: {GPa: 1.0}}", "defects.extensivity.GPa"),
        ("{extensivity: {}}", "at least 1 item"),
        ("{extensivity: {eV/atom: 0.0}}", "greater than 0"),
        ("{extensivity: {eV/atom: .inf}}", "defects"),
        ("{chemistry: {eV/atom: 2.6}}", "no defect of a model but other weights"),
    ],
)
def test_what_is_no_defect_is_refused(block: str, reason: str) -> None:
    with pytest.raises(CardError, match=reason.replace(".", r"\.")):
        parse_card(toy.CARD.replace("canary:", f"defects: {block}\ncanary:"), name="toy", file="toy.md")


def test_what_a_check_says_to_declare_can_be_declared() -> None:
    assert worth_declaring("extensivity", 1.0) == 1.2
    assert worth_declaring("chemistry", 2.4) == 2.5  # a fifth more would be refused
    assert worth_declaring("chemistry", 2.6) is None
    block = f"{{chemistry: {{eV/atom: {worth_declaring('chemistry', 2.4)}}}}}"
    assert parse_card(toy.CARD.replace("canary:", f"defects: {block}\ncanary:"), name="toy", file="toy.md").defects


# --- verified -------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "toy.md").write_text(toy.CARD, encoding="utf-8")
    monkeypatch.setenv("MLIP_ZOO_CARDS", str(tmp_path))
    return tmp_path


def test_a_card_with_a_canary_alone_is_not_verified(folder: Path) -> None:
    assert not read_card(folder / "toy.md").verified


@pytest.mark.parametrize("key", ["checks", "'checks'", '"checks" '])
def test_a_card_cannot_say_that_it_was_checked(key: str) -> None:
    with pytest.raises(CardError, match="checks: no such field"):
        parse_card(toy.CARD.replace("canary:", f"{key}: {{}}\ncanary:"), name="toy", file="toy.md")


@pytest.mark.parametrize(
    ("before", "after"), [("cutoff: 6.0", "cutoff: 5.0"), ('"00', '"10'), ("elements: H-Og", "elements: H-U")]
)
def test_another_claim_or_checkpoint_has_not_been_checked(folder: Path, before: str, after: str) -> None:
    toy.record(folder)
    assert index.card("toy").verified
    path = folder / "toy.md"
    path.write_text(path.read_text().replace("For the tests.", "Other words."), encoding="utf-8")
    assert index.card("toy").verified
    assert before in toy.CARD
    path.write_text(toy.CARD.replace(before, after), encoding="utf-8")
    assert not index.card("toy").verified


def test_a_record_that_is_damaged_is_a_fault_of_the_card(folder: Path) -> None:
    file = toy.record(folder)
    data = json.loads(file.read_text())
    file.write_text(json.dumps({"conservative": {**data["conservative"], "passed": "all"}}))
    with pytest.raises(CardError, match=r"checked/toy\.json: conservative\.passed"):
        index.card("toy")


def test_a_passing_check_is_recorded_and_a_failing_one_is_not(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.adapters.FOLDER", toy.ADAPTER.parent)
    statuses: dict[str, Status] = {"survives": "passed", "chemistry": "declared", "canary": "skipped"}
    with pytest.raises(CardError, match="nothing is recorded, because 1 checks failed"):
        record("toy", Mode(), conformance({**statuses, "forces": "failed"}), device="cpu")
    assert not checked.path(folder / "toy.md").exists()
    record("toy", Mode(), conformance(statuses), device="cpu")
    (found,) = checked.read(folder / "toy.md").values()
    assert (found.canary, found.defects, found.passed) == (False, ("chemistry",), 1)
    assert index.card("toy").passed(Mode()) == found
    assert not index.card("toy").verified, "no canary was compared"
    record("toy", Mode(), conformance({**statuses, "canary": "passed"}), device="cpu")
    assert index.card("toy").verified


def conformance(statuses: Mapping[str, Status]) -> Conformance:
    return Conformance(
        potential="toy",
        forces="conservative",
        rotation="exact",
        inversion="exact",
        dtype="float32",
        crystals=(),
        checks=tuple(Verdict(name=name, status=status) for name, status in statuses.items()),
        calls=1,
        seconds=0.0,
    )
