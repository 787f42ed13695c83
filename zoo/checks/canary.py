"""The card's canary: the known answers that find a model which keeps every symmetry and computes something else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zoo import example_crystals
from zoo.cards.authors import AuthorsAnswer
from zoo.cards.card import Card
from zoo.checks.authors import summary
from zoo.checks.bench import Bench
from zoo.checks.finding import Fault, Finding, Measure, Skipped

# Wide enough for digits of a card, float32 and other hardware; wrong weights or species are off by hundreds of these.
_ENERGY = 5e-4
_FORCE = 5e-3
_PRESSURE_GPA = 0.05


def canary(bench: Bench) -> Finding:
    """The distorted crystals have the authors' energy (eV/atom), largest force (eV/Å) and pressure (GPa).

    The largest force is the largest norm over atoms. A canary stands for the card's default head and fidelity.
    """
    card = bench.card
    if card is None:
        raise Skipped("no card was given")
    default = card.default_mode
    if (bench.forces, bench.fidelity or default.fidelity) != (default.forces, default.fidelity):
        raise Skipped(f"the card's canary stands for {default}")
    if bench.averaging != "none" and card.rotation != "exact":
        raise Skipped("the card's canary stands for one orientation, and averaging changes what is learned of them")
    wanted = _wanted(card)
    if not wanted:
        raise Skipped("the card has no canary yet: 'mlip-zoo canary' makes it with the authors' own calculator")
    names = list(dict.fromkeys(name for name, _ in wanted))
    batch = bench.answer([example_crystals.distorted(name) for name in names])
    found = {
        name: summary(
            float(batch.energies[row]), batch.forces[row], None if batch.stresses is None else batch.stresses[row]
        )
        for row, name in enumerate(names)
    }
    measures = [measure for name, answer in wanted for measure in _measures(name, found[name], answer)]
    worst = max(measures, key=lambda measure: measure.excess)
    return Finding(tuple(measures), diagnosis=_diagnosis(worst.where, found, dict(wanted), measures))


def _wanted(card: Card) -> list[tuple[str, AuthorsAnswer]]:
    """The known answers: those of the authors' calculator, and the one that the card spells out."""
    wanted = []
    if card.canary is not None:
        wanted.append((card.canary.crystal, AuthorsAnswer(**card.canary.model_dump(exclude={"crystal"}))))
    if card.authors is not None:
        pinned = (card.checkpoint.upstream, card.checkpoint.safetensors and card.checkpoint.safetensors.weights)
        if card.authors.checkpoint_sha256 not in {file.sha256 for file in pinned if file}:
            raise Fault("the authors' answers beside the card are of another checkpoint; run 'mlip-zoo canary' again")
        known = {*example_crystals.names(), *example_crystals.element_names()}
        if unknown := card.authors.answers.keys() - known:
            raise Fault(f"the authors' answers are of crystals that are not known here: {', '.join(sorted(unknown))}")
        wanted += card.authors.answers.items()
    return wanted


def _measures(name: str, found: AuthorsAnswer, wanted: AuthorsAnswer) -> list[Measure]:
    pairs = [
        ("energy", found.energy_ev_per_atom, wanted.energy_ev_per_atom, _ENERGY, "eV/atom"),
        ("max force", found.max_force_ev_per_angstrom, wanted.max_force_ev_per_angstrom, _FORCE, "eV/Å"),
    ]
    if found.pressure_gpa is not None and wanted.pressure_gpa is not None:
        pairs.append(("pressure", found.pressure_gpa, wanted.pressure_gpa, _PRESSURE_GPA, "GPa"))
    return [Measure(what, abs(mine - theirs), bound, unit, name) for what, mine, theirs, bound, unit in pairs]


def _diagnosis(
    worst: str, found: Mapping[str, AuthorsAnswer], wanted: Mapping[str, AuthorsAnswer], measures: Sequence[Measure]
) -> str:
    wrong = {measure.where for measure in measures if measure.excess > 1}
    right = found.keys() - wrong
    elements = set(example_crystals.element_names())
    fault = "another model, another unit, or species mixed up"
    if wrong and not wrong & elements and right & elements:
        fault = "compounds are wrong and elements right: species in another order, or another version of the library"
    mine, theirs = found[worst], wanted[worst]
    compared = [
        f"energy {mine.energy_ev_per_atom:.4f} (card {theirs.energy_ev_per_atom:.4f}) eV/atom",
        f"max force {mine.max_force_ev_per_angstrom:.4f} (card {theirs.max_force_ev_per_angstrom:.4f}) eV/Å",
    ]
    if mine.pressure_gpa is not None and theirs.pressure_gpa is not None:
        compared.append(f"pressure {mine.pressure_gpa:.4f} (card {theirs.pressure_gpa:.4f}) GPa")
    return f"{fault}: {worst} has {', '.join(compared)}"
