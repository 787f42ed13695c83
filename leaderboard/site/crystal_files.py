"""Crystal files: the geometries behind results as scripts that `static/crystals.js` loads when somebody looks at one.

Scripts, because a page that was opened from a file may load those and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from evaluation.reference import dataset
from evaluation.task import Task
from leaderboard.ranking import crystals
from leaderboard.ranking.crystals import Geometries
from leaderboard.site.entry_section import Section, shared_crystals_path
from leaderboard.site.templating import json_block


def shared_file(task: Task) -> dict[str, str]:
    """Path → script of the geometries that all entries of a task share; nothing where there are none."""
    samples = crystals.shared(task)
    return {shared_crystals_path(task): _script({"samples": samples})} if samples else {}


def section_file(section: Section) -> dict[str, str]:
    """Path → script of one entry's own; nothing where no sample of it has a crystal.

    It also tells, for all elements, symbol, colour and covalent radius (Å), and where the crystals are from.
    """
    if not section.viewed:
        return {}
    viewed = [{**section.crystals.get(name, {}), **section.shared_crystals.get(name, {})} for name in section.viewed]
    told = {"samples": section.crystals, "elements": _elements(viewed), "source": _source(section.board.task)}
    return {section.crystal_scripts[-1]: _script(told)}


def _script(told: Mapping[str, object]) -> str:
    return f"mlipZooCrystals({json_block(told)});\n"


def _elements(found: Iterable[Geometries]) -> dict[str, tuple[str, str, float]]:
    """Atomic number → symbol, Jmol's colour, covalent radius in Å."""
    from ase.data import chemical_symbols, covalent_radii
    from ase.data.colors import jmol_colors

    numbers = {number for each in found for geometry in each.values() for number in geometry["numbers"]}
    return {
        str(number): (
            chemical_symbols[number],
            "#" + "".join(f"{round(255 * part):02x}" for part in jmol_colors[number]),
            round(float(covalent_radii[number]), 2),
        )
        for number in sorted(numbers)
    }


def _source(task: Task) -> str:
    """Whose reference geometries they are."""
    if task.name not in crystals.REFERENCES:
        return "Relaxed by the model."
    source = dataset.load(crystals.REFERENCES[task.name])
    return f"Reference and start: {source.title}, {source.licence}; {source.citation}. Relaxed: by the model."
