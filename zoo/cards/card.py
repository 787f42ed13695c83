"""Card: everything a person wrote down about one checkpoint; strict, frozen, cheap to read (no ase, no torch)."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import (
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from zoo.cards import authors as answers
from zoo.cards import checked, front_matter
from zoo.cards.checkpoint import Checkpoint, Part
from zoo.cards.defects import MOST_CHEMISTRY, Defects
from zoo.cards.elements import SYMBOLS
from zoo.cards.fields import (
    LONGEST_NAME,
    LONGEST_PROSE,
    NAME,
    Date,
    Elements,
    Fidelity,
    Line,
    Name,
    Title,
    WebAddress,
    has_user,
)
from zoo.cards.mode import Averaging, Dtype, Forces, Mode, Runtime
from zoo.cards.training_sets import Names, TrainingSet, training_sets
from zoo.errors import CardError, ModeError, UnpinnedCheckpoint
from zoo.files import json_text


class Canary(Part):
    """A known answer for one distorted crystal, so that a model which loads but computes something else is noticed.

    The figures come from the authors' own calculator, in the card's default mode. A
    compound, never an element: a fault in how species are embedded leaves elements right.
    """

    crystal: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$", max_length=60)]
    """A name in `zoo.example_crystals`."""
    energy_ev_per_atom: float
    max_force_ev_per_angstrom: float
    pressure_gpa: float
    """-trace(stress)/3."""


class ClaimedFigure(Part):
    """A figure that somebody published, to be held against ours."""

    task: Annotated[str, StringConstraints(pattern=r"^[a-z]+$", max_length=40)]
    metric: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
    """Of the task's metrics, in its unit."""
    value: float
    subset: Literal["canary", "fast", "full"] = "full"
    source: WebAddress


class Withdrawn(Part):
    """That a model is no longer to be used; its card and results stay, with the reason."""

    day: Date
    reason: Annotated[Line, StringConstraints(min_length=10)]


class Licence(Part):
    code: Line | None = None
    weights: Line | None = None


class Card(Part):
    """One checkpoint. The file's name is the card's name; everything measured lives in results, never here.

    A card grows in three steps: *unpinned* (where the checkpoint is; who loads it pins it), *pinned* (its hash),
    *verified* (`mlip-zoo check` passed, with the answers of the authors' own calculator; recorded beside the card, see
    `zoo.cards.checked`). A fact that could not be checked is None, never a guess; a card with a canary has them all.
    """

    name: Name
    title: Title
    family: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
    """The adapter: `zoo/adapters/<family>.py`. There may be none yet; then the card can be read and not loaded."""
    released: Date | None = None
    parameters: Annotated[int, Field(gt=0, le=10**13)] | None = None
    cutoff: Annotated[float, Field(gt=0, le=1000)] | None = None
    """Radius of one message-passing step, Å."""
    elements: Elements | None = None
    """Chemical symbols the checkpoint was made for, written as ranges (`H-Bi, Ac-Pu`); others are `unsupported`."""
    training_sets: Annotated[Names, Field(min_length=1)]
    """What the weights were last trained on; the level of theory follows from it."""
    pretraining_sets: Names = ()
    """What they had been trained on before, where that was something else."""
    energies: Literal["dft", "mp2020-corrected"] | None = None
    """What the energies stand for: raw DFT totals, or totals with the Materials Project 2020 corrections."""
    forces: Annotated[tuple[Forces, ...], Field(min_length=1, max_length=2)]
    """Force heads, the default first."""
    rotation: Literal["exact", "learned"] | None = None
    """Whether equivariance under proper rotations is built in. A claim: the harness measures it."""
    inversion: Literal["exact", "learned"] | None = None
    """The same for inversion, and so for reflections: a network may be built on SO(3) alone."""
    cutoff_crossing: Literal["smooth", "jumps"] = "smooth"
    """What the energy does when a neighbour crosses the cutoff. A network whose messages do not fade out there has
    forces that are a gradient between its jumps alone. A claim: `mlip-zoo check` measures it."""
    fidelities: dict[Fidelity, Name] = Field(default_factory=dict, max_length=50)
    """Levels of theory of a multi-fidelity checkpoint → the training set each one speaks for; the default first."""
    dtypes: Annotated[tuple[Dtype, ...], Field(min_length=1, max_length=2)] = ("float32", "float64")
    runtimes: Annotated[tuple[Runtime, ...], Field(min_length=1, max_length=2)] = ("eager",)
    licence: Licence = Licence()
    paper: WebAddress | None = None
    """None where nothing has been published."""
    code: WebAddress
    checkpoint: Checkpoint
    canary: Canary | None = None
    defects: Defects = Field(default_factory=dict)
    """What is known to be wrong with the model: check → unit → size. A larger one fails `mlip-zoo check`."""
    claims: Annotated[tuple[ClaimedFigure, ...], Field(max_length=50)] = ()
    """What was published of it elsewhere; `mlip-zoo submit report` holds it against our results."""
    demonstration: bool = False
    """Whether it is there to show something, and is not to be used: it has no rank."""
    superseded_by: Name | None = None
    withdrawn: Withdrawn | None = None
    prose: str = ""
    """The Markdown below the front matter."""
    checks: dict[str, checked.Passed] = Field(default_factory=dict, exclude=True)
    """Passed checks by mode, from their own file; a card's text has none."""
    authors: answers.Authors | None = Field(default=None, exclude=True)
    """What the authors' own calculator says, likewise."""

    @field_validator("elements")
    @classmethod
    def _elements(cls, symbols: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if symbols is None:
            return None
        unknown = [symbol for symbol in symbols if symbol not in SYMBOLS]
        if unknown:
            raise ValueError(f"no such element: {', '.join(unknown)}")
        if len(set(symbols)) != len(symbols):
            raise ValueError("an element stands twice")
        return symbols

    @field_validator("training_sets", "pretraining_sets")
    @classmethod
    def _training_sets(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in names if name not in training_sets()]
        if unknown:
            raise ValueError(f"not in training_sets.yaml: {', '.join(unknown)}")
        return names

    @model_validator(mode="after")
    def _fidelities_are_trained(self) -> Card:
        for fidelity, training_set in self.fidelities.items():
            if training_set not in self.training_sets:
                raise ValueError(f"fidelities.{fidelity}: {training_set!r} is not among training_sets")
        return self

    @model_validator(mode="after")
    def _claims_are_complete(self) -> Card:
        if self.defects.get("chemistry", {}).get("eV/atom", 0.0) > MOST_CHEMISTRY:
            raise ValueError(
                f"defects.chemistry: more than {MOST_CHEMISTRY:g} eV/atom is no defect of a model but other "
                "weights, or species in another order"
            )
        if self.canary is None:
            return self
        if not self.checkpoint.pinned:
            raise ValueError("a canary is of bytes that are known by their hash; this checkpoint is unpinned")
        missing: list[tuple[str, ...]] = [(fact,) for fact in _FACTS if getattr(self, fact) is None]
        missing += [("licence", part) for part in ("code", "weights") if getattr(self.licence, part) is None]
        if missing:
            raise ValidationError.from_exception_data(
                self.name, [{"type": "missing", "loc": field, "input": None} for field in missing]
            )
        return self

    @property
    def verified(self) -> bool:
        """Whether the checks passed in the default mode, the answers of the authors' own calculator among them."""
        found = self.passed(self.default_mode)
        return found is not None and found.canary

    def passed(self, mode: Mode) -> checked.Passed | None:
        """The passed check of this mode; None where there is none of these claims and this checkpoint."""
        found = self.checks.get(str(mode))
        files = (self.checkpoint.upstream, self.checkpoint.safetensors and self.checkpoint.safetensors.weights)
        current = found is not None and found.claims_sha256 == self.claims_sha256
        return found if found and current and found.checkpoint_sha256 in {f.sha256 for f in files if f} else None

    @property
    def claims_sha256(self) -> str:
        """Of what the card says and checks compare: a card that says something else has not been checked."""
        claims = self.model_dump(mode="json", include=_CLAIMS, exclude_defaults=True)
        if self.authors is not None:
            claims["authors"] = self.authors.model_dump(mode="json")
        return hashlib.sha256(json_text(claims).encode()).hexdigest()

    def require_pinned(self) -> None:
        """Raise UnpinnedCheckpoint, with the way out, when the checkpoint has no hash yet."""
        if place := self.checkpoint.unpinned:
            raise UnpinnedCheckpoint(
                f"{self.name}: its card pins no bytes of the checkpoint, which is {place}; "
                f"'mlip-zoo pin {self.name} --write' puts revision and hash into the card."
            )

    @property
    def default_mode(self) -> Mode:
        return Mode(forces=self.forces[0], fidelity=next(iter(self.fidelities), None), dtype=self.dtypes[0])

    @property
    def constrained(self) -> bool | None:
        """Whether the card claims both exact rotation and forces that are a gradient, whatever head is asked for.

        None where that hangs on a rotation about which nothing is known.
        """
        if self.forces != ("conservative",):
            return False
        return None if self.rotation is None else self.rotation == "exact"

    @property
    def trained_datasets(self) -> frozenset[str]:
        """Evaluation datasets whose frames, but for the held-out ones, went into the weights."""
        return frozenset(name for found in self._trained_on for name in found.datasets)

    @property
    def teachers(self) -> tuple[str, ...]:
        """Cards of the models that labelled data that it was trained on; a model that has one is *distilled*."""
        return tuple(dict.fromkeys(found.teacher for found in self._trained_on if found.teacher))

    @property
    def _trained_on(self) -> list[TrainingSet]:
        return [training_sets()[name] for name in (*self.training_sets, *self.pretraining_sets)]

    def speaks_for(self, fidelity: str | None = None) -> tuple[str, ...]:
        """The training sets that a mode's numbers stand for."""
        return (self.fidelities[fidelity],) if fidelity else self.training_sets

    def theory(self, fidelity: str | None = None) -> str:
        """The level of theory that a mode's numbers stand for, from the training sets."""
        return " + ".join(dict.fromkeys(training_sets()[name].theory for name in self.speaks_for(fidelity)))

    def mode(self, text: str | None = None, **asked: str | None) -> Mode:
        """The mode that `text` and keywords ask for, over this card's defaults.

        Raises ModeError, naming what the checkpoint has, when it lacks what was asked for.
        """
        default = self.default_mode
        parsed = Mode.parse(text).model_dump(exclude_unset=True) if text else {}
        given = {key: value for key, value in asked.items() if value is not None}
        for key in parsed.keys() & given.keys():
            if parsed[key] != given[key]:
                raise ModeError(f"{self.name}: '@{text}' says {parsed[key]!r} and {key}= says {given[key]!r}; keep one")
        wanted = {**default.model_dump(), **parsed, **given}
        has: dict[str, tuple[str, ...]] = {
            "forces": self.forces,
            "fidelity": tuple(self.fidelities),
            "averaging": get_args(Averaging),
            "dtype": self.dtypes,
            "runtime": self.runtimes,
        }
        for key, options in has.items():
            if wanted[key] is not None and wanted[key] not in options:
                have = "; ".join(f"{k} {', '.join(v)}" for k, v in has.items() if v)
                raise ModeError(f"{self.name} has no {key} {wanted[key]!r}. It has: {have}.")
        return Mode(**wanted)


_FACTS = ("parameters", "cutoff", "elements", "energies", "rotation", "inversion")
"""What a card with a canary tells."""
_CLAIMS = {
    *("name", "family", "parameters", "cutoff", "elements", "energies", "forces", "rotation", "inversion"),
    *("cutoff_crossing", "fidelities", "dtypes", "runtimes", "canary", "defects"),
}
"""What `mlip-zoo check` compares with the loaded model, or is told by."""


def read_card(path: Path) -> Card:
    """Read one card, with its passed checks. Raises CardError with file, field and reason."""
    card = parse_card(front_matter.read_text(path), name=path.stem, file=front_matter.file_name(path))
    return card.model_copy(update={"checks": checked.read(path), "authors": answers.read(path)})


def parse_card(text: str, *, name: str, file: str) -> Card:
    """Read a card from text; `name` is the file's stem and becomes the card's name."""
    if len(name) > LONGEST_NAME or not NAME.fullmatch(name):
        raise CardError(
            f"{file}: a card's file is named in lower-case letters and digits, with '.' or '-' between them, at most "
            f"{LONGEST_NAME} characters, and '.md'; rename it"
        )
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    front_matter.require_visible(text, name=file)
    header, prose = front_matter.split(text, name=file)
    if re.search(r"^name\s*:", header, re.MULTILINE):
        raise CardError(f"{file}: name: no such field; a card's name is its file's name")
    if found := re.search(r"""^['"]?(checks|authors)['"]?\s*:""", header, re.MULTILINE):
        made = f"'mlip-zoo {'check --record' if found[1] == 'checks' else 'canary'}' writes it beside the card"
        raise CardError(f"{file}: {found[1]}: no such field; {made}")
    if len(prose) > LONGEST_PROSE:
        raise CardError(f"{file}: {len(prose):,} characters below the front matter; at most {LONGEST_PROSE:,} are read")
    if has_user(prose):
        raise CardError(f"{file}: a link below the front matter has 'user@' before its host; take it out")
    card = front_matter.parse_yaml(f"name: {name!r}\n{header}", Card, name=file, first_line=0)
    return card.model_copy(update={"prose": prose, "checks": {}, "authors": None})
