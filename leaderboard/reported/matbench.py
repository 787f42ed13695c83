"""Import of Matbench Discovery's table of models: its figures become `matbench-discovery.json`.

    python -m leaderboard.reported.matbench FILE.csv --revision COMMIT --day YYYY-MM-DD

The table is one line a model, with the columns of COLUMNS. Only figures are taken; which card is of the same checkpoint
follows from the names, and from ALIASES where they differ.
"""

from __future__ import annotations

import argparse
import ast
import csv
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from leaderboard.errors import ReportedFault
from leaderboard.reported.figures import FOLDER, Reported, ReportedModel, Settings
from zoo.cards import index
from zoo.files import sha256, write_json

ADDRESS = "https://github.com/janosh/matbench-discovery"
COLUMNS = {
    "f1": "F1_uniq",
    "daf": "DAF_uniq",
    "precision": "Prec_uniq",
    "recall": "Rec_uniq",
    "r2": "R2_uniq",
    "e_form_mae": "MAE_full",
    "rmsd": "RMSD",
    "symmetry_kept": "symmatch_1e2",
    "srme": "kappa_SRME",
    "sre": "kappa_SRE",
    "imaginary": "imag_rate",
    "spectrum_w1": "spectrum_w1_THz",
    "cps": "CPS",
    "tortuosity": "tortuosity",
    "energy_jump": "energy_jump",
    "force_flips": "force_flips",
    "force_jump": "force_jump",
}
"""Our name of a figure → the table's column."""
ALIASES = {
    "allegro-mp-l-0.1": "allegro-mp-l",
    "allegro-oam-l-0.1": "allegro-oam-l",
    "equiformer-v3-mp": "equiformer-v3-dens-mp",
    "equiformer-v3-oam": "equiformer-v3-dens-oam",
    "eqv2-m-omat-salex-mp": "eqv2-m-omat-mp-salex",
    "hienet": "hienet-v3",
    "m3gnet": "m3gnet-mp-2021.2.8",
    "mace-mp-0": "mace-mp-0-medium",
    "nequip-mp-l-0.1": "nequip-mp-l",
    "nequip-oam-l-0.1": "nequip-oam-l",
    "nequip-oam-xl-0.1": "nequip-oam-xl",
    "pet-oam-xl-1.0.0": "pet-oam-xl",
}
"""The table's key of a model → the card of the checkpoint that its entry there names, where the names differ."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the file from a table."""
    parser = argparse.ArgumentParser(description="Import Matbench Discovery's table of models.")
    parser.add_argument("table", type=Path)
    parser.add_argument("--revision", required=True, help="commit of the repository that the table was made from")
    parser.add_argument("--day", required=True, help="of that commit, ISO 8601")
    parser.add_argument("--out", type=Path, default=FOLDER / "matbench-discovery.json")
    given = parser.parse_args(arguments)
    found = reported(given.table, revision=given.revision, day=given.day)
    write_json(given.out, found.model_dump(mode="json", exclude_none=True))
    with_card = sum(model.card is not None for model in found.models)
    sys.stdout.write(f"{given.out}: {len(found.models)} models, {with_card} with a card here\n")


def reported(table: Path, *, revision: str, day: str) -> Reported:
    """What the table says. Raises ReportedFault for one that lacks a column, or has no number in a figure's place."""
    with table.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    missing = sorted({"key", "name", "benchmark_added", *COLUMNS.values()} - set(rows[0] if rows else ()))
    if missing:
        raise ReportedFault(f"{table}: not Matbench Discovery's table of models: it has no column {', '.join(missing)}")
    cards = {_plain(name): name for name in index.names()}
    return Reported(
        source="Matbench Discovery",
        address=f"{ADDRESS}/tree/{revision}",
        revision=revision,
        day=day,
        licence="MIT",
        sha256=sha256(table),
        models=tuple(_model(row, cards, table) for row in sorted(rows, key=lambda row: row["key"])),
    )


def _model(row: Mapping[str, str], cards: Mapping[str, str], table: Path) -> ReportedModel:
    key = row["key"]
    alias = ALIASES.get(key)
    try:
        figures = {name: float(row[column]) for name, column in COLUMNS.items() if row[column]}
        return ReportedModel(
            key=key,
            title=row["name"],
            card=cards.get(_plain(alias or key)),
            added=row["benchmark_added"],
            settings=_settings(row),
            figures=figures,
        )
    except ValueError as error:
        raise ReportedFault(f"{table}: {key}: {error}") from None


def _settings(row: Mapping[str, str]) -> Settings:
    kappa = ast.literal_eval(row["kappa_eval"]) if row.get("kappa_eval") else {}
    given = kappa.get("displacement_distance")
    return Settings(
        optimizer=row["opt"] or None,
        fmax=float(row["max_force"]) if row["max_force"] else None,
        steps=int(row["max_steps"]) if row["max_steps"] else None,
        displacement=None if given is None else float(given),
    )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


if __name__ == "__main__":
    main()
