"""The conformance suite passes the reference model, and names the fault of every broken one."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from rich.console import Console

from tests.zoo import broken
from tests.zoo.broken import AltersAnswer, Refuses
from tests.zoo.faults import FAULTS, Fault
from tests.zoo.reference_model import Float32, ReferenceModel, rounded
from zoo import example_crystals
from zoo.batch import Batch, Computes
from zoo.cards import index
from zoo.cards.card import Canary, Card
from zoo.cards.mode import Dtype
from zoo.checks.suite import CHECKS, Conformance, Verdict, check, table
from zoo.errors import StructureError, WorkerStartError

NAMES = {"survives", "responds in time", *(function.__name__.replace("_", " ") for function in CHECKS)}


@pytest.fixture(scope="module")
def card() -> Card:
    """A card whose canary is the reference model's own answer, and which admits that Morse pairs are no chemistry."""
    batch = ReferenceModel().compute([example_crystals.distorted("mgo-rocksalt")])
    assert batch.stresses is not None
    canary = Canary(
        crystal="mgo-rocksalt",
        energy_ev_per_atom=float(batch.energies[0]) / 2,
        max_force_ev_per_angstrom=float(np.linalg.norm(batch.forces[0], axis=1).max()),
        pressure_gpa=-float(np.trace(batch.stresses[0])) / 3 / units.GPa,
    )
    return index.card("chgnet-0.3.0").model_copy(
        update={"name": "reference", "canary": canary, "defects": {"chemistry": {"eV/atom": 50.0}}}
    )


def statuses(report: Conformance, status: str) -> set[str]:
    return {check.name for check in report.checks if check.status == status}


# --- the reference model --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_reference_model_passes_everything(card: Card, dtype: Dtype) -> None:
    report = check(ReferenceModel(), card=card, dtype=dtype, inversion="exact")
    assert report.failed == ()
    untold = {"cutoff", "parameters", "elements", "modes"}  # it was not loaded by name
    assert statuses(report, "skipped") == untold | ({"precision"} if dtype == "float32" else set())
    assert report.passed
    assert {check.name for check in report.checks} == NAMES
    assert report.calls < 35


def test_float32_noise_passes_as_float32(card: Card) -> None:
    report = check(Float32(), card=card, dtype="float32", inversion="exact")
    assert report.failed == ()


def test_a_calculator_without_stress_is_checked_for_the_rest() -> None:
    report = check(AltersAnswer(lambda _, batch: replace(batch, stresses=None)), dtype="float64")
    assert {"stress", "voigt order", "stress shape", "ase voigt order"} <= statuses(report, "skipped")
    assert report["forces"].status == "passed"


def test_a_potential_without_an_ase_interface_or_stress_is_checked_for_the_rest() -> None:
    class Bare:
        def compute(self, atoms: Sequence[Atoms]) -> Batch:
            return replace(ReferenceModel().compute(atoms), stresses=None)

    report = check(Bare(), dtype="float64", inversion="exact")
    assert report.passed
    assert {"stress", "voigt order", "ase interface", "stress shape", "ase voigt order"} <= statuses(report, "skipped")


# --- what is broken -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [pytest.param(fault, id=name) for name, fault in FAULTS.items()])
def test_each_fault_is_caught_by_name(fault: Fault, card: Card) -> None:
    needs_card = fault.check in {"canary", "unsupported element"}
    report = check(fault.make(), card=card if needs_card else None, dtype=fault.dtype, inversion="exact")
    assert report[fault.check].status == "failed"
    assert fault.says in report[fault.check].detail
    assert not report.passed
    if fault.also is not None:
        assert statuses(report, "failed") == {fault.check} | fault.also


def test_another_species_is_consistent_with_itself() -> None:
    """Without a canary, a table of species that is off by one can't be noticed: this is what canaries are for."""
    assert check(FAULTS["another species"].make(), dtype="float64", inversion="exact").passed


# --- deaths and delays ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refuse", "says"),
    [
        pytest.param(broken.dying, "the worker ended with status 9", id="its process dies"),
        pytest.param(broken.leaving, "SystemExit: 3", id="it exits"),
        pytest.param(broken.hanging_up, "BrokenPipeError: the pipe broke", id="its pipe breaks"),
    ],
)
def test_dies(refuse: Callable[[Sequence[Atoms]], None], says: str) -> None:
    report = check(Refuses(refuse))
    assert report["survives"].status == "failed"
    assert says in report["survives"].detail
    assert report["survives"].value == 2, "after two deaths nothing more is asked"
    assert statuses(report, "failed") == {"survives", "shapes", "finite"}
    assert "not run" in report["forces"].detail
    assert report["responds in time"].status == "passed"


def test_dies_once_and_the_rest_is_checked() -> None:
    report = check(Refuses(broken.dying_on_large_systems), dtype="float64")
    assert statuses(report, "failed") == {"survives", "large system"}
    assert "'large system': the worker ended with status 9" in report["survives"].detail
    assert report["empty list"].status == "passed"


def test_sleeps() -> None:
    report = check(Refuses(broken.sleeping), time_limit=0.2)
    assert statuses(report, "failed") == {"responds in time", "shapes"}
    assert "'shapes': no answer within 0.2 s" in report["responds in time"].detail
    value = report["responds in time"].value
    assert value is not None
    assert value >= 0.2
    assert statuses(report, "passed") == {"survives"}


def test_sleeps_on_large_systems() -> None:
    # the other calls take milliseconds: ten seconds are enough for them on any machine
    report = check(Refuses(broken.sleeping_on_large_systems), dtype="float64", time_limit=10)
    assert statuses(report, "failed") == {"responds in time", "large system"}
    assert report["forces"].status == "passed"
    assert "lost in 'large system'" in report["empty list"].detail


def test_all_calls_come_from_one_thread() -> None:
    """Frameworks keep state per thread: gradients off, streams, pools of workers."""
    threads = set()

    def note(atoms: Sequence[Atoms]) -> None:
        threads.add(threading.get_ident())

    assert check(Refuses(note), dtype="float64").passed
    assert len(threads) == 1
    assert threading.get_ident() not in threads


# --- claims ---------------------------------------------------------------------------------------------------------


def test_direct_forces_are_measured_and_not_failed() -> None:
    report = check(FAULTS["forces × 1.02"].make(), forces="direct", dtype="float64")
    assert report["forces"].status == "skipped"
    assert report["forces"].value == pytest.approx(0.02 * 0.46, rel=0.2)
    assert report["forces"].bound is None
    assert report["forces"].detail.startswith("not judged: direct forces")
    assert report.passed


def test_an_energy_that_jumps_as_its_card_says_is_held_to_the_rest(card: Card) -> None:
    jumping = FAULTS["energy jumps at a cutoff"].make()
    card = card.model_copy(update={"canary": None})
    report = check(jumping, card=card, dtype="float32", inversion="exact")
    assert statuses(report, "failed") == {"forces", "continuity"}
    assert "they are -dE/dx, but the energy jumps" in report["forces"].detail
    admitted = card.model_copy(update={"cutoff_crossing": "jumps"})
    report = check(jumping, card=admitted, dtype="float32", inversion="exact")
    assert report.passed
    assert report["continuity"].status == "skipped"
    assert report["continuity"].value == pytest.approx(1e-3, rel=0.05)  # both ends of one pair
    assert report["forces"].status == "passed"


def test_jumps_excuse_no_force_that_is_off_everywhere(card: Card) -> None:
    off = broken.AltersAnswer(lambda atoms, batch: broken.forces_times(1.02)(atoms, broken.jumping(atoms, batch)))
    report = check(off, card=card.model_copy(update={"cutoff_crossing": "jumps"}), dtype="float64")
    assert report["forces"].status == "failed"


def test_direct_forces_must_still_be_repeatable() -> None:
    report = check(FAULTS["noise on repeat"].make(), forces="direct")
    assert statuses(report, "failed") == {"determinism"}


def test_learned_rotation_is_measured_and_not_failed() -> None:
    report = check(FAULTS["not equivariant"].make(), rotation="learned", dtype="float64")
    assert report["rotation"].status == report["inversion"].status == "skipped"
    assert (report["rotation"].value or 0) > 1e-4
    assert report.passed


def test_energies_too_large_for_their_dtype_are_said_to_show_nothing() -> None:
    def shifted(atoms: Sequence[Atoms], batch: Batch) -> Batch:
        return replace(batch, energies=rounded(batch.energies - [50_000.0 * len(each) for each in atoms]))

    report = check(AltersAnswer(shifted), dtype="float32")
    assert report["forces"].status == "skipped"
    assert "can't show an error of 2 %; use float64" in report["forces"].detail
    assert check(AltersAnswer(lambda _, batch: batch), dtype="float32")["forces"].status == "passed"


def test_the_canary_stands_for_the_default_mode(card: Card) -> None:
    other = card.model_copy(update={"forces": ("direct", "conservative")})
    report = check(ReferenceModel(), card=other, forces="conservative", dtype="float64")
    assert report["canary"].status == "skipped"
    assert "stands for direct" in report["canary"].detail


def test_the_canary_stands_for_one_orientation(card: Card) -> None:
    learned = card.model_copy(update={"rotation": "learned"})
    for known, status in ((card, "passed"), (learned, "skipped")):
        assert check(ReferenceModel(), card=known, averaging="o3-3", dtype="float64")["canary"].status == status


@pytest.mark.parametrize(
    ("field", "size"),
    [("energy_ev_per_atom", 0.002), ("max_force_ev_per_angstrom", 0.02), ("pressure_gpa", 0.2)],
)
def test_each_number_of_the_canary_counts(card: Card, field: str, size: float) -> None:
    assert card.canary is not None
    wrong = card.canary.model_copy(update={field: getattr(card.canary, field) + size})
    report = check(ReferenceModel(), card=card.model_copy(update={"canary": wrong}), dtype="float64")
    assert statuses(report, "failed") == {"canary"}
    assert report["canary"].value == pytest.approx(size, abs=1e-6)  # a card has six digits


# --- structures -----------------------------------------------------------------------------------------------------


def test_only_supported_elements_are_asked_for() -> None:
    class Picky(ReferenceModel):
        seen: set[str] = set()  # noqa: RUF012  # this class is one test's

        def compute(self, atoms: Sequence[Atoms]) -> Batch:
            self.seen.update(symbol for each in atoms for symbol in each.symbols)
            return super().compute(atoms)

    report = check(Picky(), elements=["Mg", "O", "Si", "C"], dtype="float64")
    assert report.crystals == ("mgo-rocksalt", "sic-zincblende")
    assert Picky.seen == {"Mg", "O", "Si", "C"}
    assert report.passed


def test_elements_without_a_crystal_are_an_error() -> None:
    with pytest.raises(StructureError, match=r"made of H, He alone.*mgo-rocksalt"):
        check(ReferenceModel(), elements=["H", "He"])


# --- the report -----------------------------------------------------------------------------------------------------


def test_the_report_survives_json() -> None:
    report = check(FAULTS["NaN above 50 atoms"].make(), dtype="float64")
    text = report.to_json()
    assert text.endswith("\n")
    assert json.loads(text)["checks"][0]["name"] == "survives"
    assert Conformance.model_validate_json(text) == report


def test_the_table_shows_what_a_potential_wrote_as_it_is() -> None:
    def rude(atoms: Sequence[Atoms]) -> None:
        raise ValueError("[bold]not markup[/nor this]")

    console = Console(width=200, record=True, file=io.StringIO())
    console.print(table(check(Refuses(rude))))
    assert "ValueError: [bold]not markup[/nor this]" in console.export_text()


def test_progress_names_each_check_before_it_runs() -> None:
    named: list[str] = []
    report = check(ReferenceModel(), dtype="float64", progress=named.append)
    assert named == [check.name for check in report.checks[2:]]


def test_an_unknown_check_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(KeyError, match="voigt order"):
        check(ReferenceModel())["voight order"]


def test_a_check_is_frozen() -> None:
    verdict = Verdict(name="forces", status="passed")
    with pytest.raises(ValueError, match="frozen"):
        verdict.status = "failed"


def test_the_stand_ins_are_what_they_claim_to_be() -> None:
    reference: Computes = ReferenceModel()
    assert isinstance(reference, Calculator)
    assert {fault.check for fault in FAULTS.values()} <= NAMES


def test_a_model_that_does_not_load_is_told_once() -> None:
    def does_not_load(_: Sequence[Atoms], __: Batch) -> Batch:
        raise WorkerStartError("toy could not load the model: no GPU")

    report = check(AltersAnswer(does_not_load), dtype="float64")
    assert [check.detail for check in report.checks if "no GPU" in check.detail] == [report["survives"].detail]
    assert len(statuses(report, "skipped")) > 20
