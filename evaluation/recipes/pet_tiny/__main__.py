"""Make the checkpoint `pet-tiny` anew: frames, training, safetensors. Killed, the same command goes on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from evaluation.recipes.pet_tiny.frames import Recipe, frames, save
from zoo.cards.card import Card, Checkpoint, PinnedFile
from zoo.cards.front_matter import read_yaml
from zoo.checkpoints import cache
from zoo.checkpoints.convert import Conversion, convert
from zoo.files import json_text, sha256, write_text
from zoo.runtime import environment

HERE = Path(__file__).parent
FAMILY = "pet"
KEPT = ("log.jsonl", "held-out.json")


def main(folder: Path) -> None:
    """Everything into `folder`; the hours are in fit.py."""
    folder.mkdir(parents=True, exist_ok=True)
    recipe = read_yaml(HERE / "recipe.yaml", Recipe)
    text = json_text(recipe.model_dump(mode="json"))
    stored = folder / "recipe.json"
    if stored.exists() and stored.read_text() != text:
        raise SystemExit(f"{folder} was begun with other numbers; remove it, or give another folder")
    write_text(stored, text)
    if not (folder / "frames.npz").exists():
        found = frames(recipe)
        for (source, part), n in sorted(Counter((frame.source, frame.part) for frame in found).items()):
            sys.stdout.write(f"{source}\t{part}\t{n}\n")
        save(found, folder / "part.npz")
        (folder / "part.npz").replace(folder / "frames.npz")
    family = environment.find(FAMILY)
    family.ensure()
    subprocess.run([family.python, "-I", HERE / "fit.py", folder], check=True)
    for name in KEPT:
        shutil.copyfile(folder / name, HERE / name)
    made = without_pickle(folder / "upstream", recipe.elements, folder / "safetensors")
    if not made.exact:
        raise SystemExit(f"the safetensors are not the model that was trained: {made}")
    sys.stdout.write(f"{made.weights}\tsha256 {made.weights_sha256}\n{made.config}\tsha256 {made.config_sha256}\n")


def without_pickle(upstream: Path, elements: tuple[str, ...], folder: Path) -> Conversion:
    """The trained checkpoint as safetensors, compared with what it was made from."""
    file = PinnedFile(sha256=sha256(upstream), bytes=upstream.stat().st_size)
    cache.store(upstream, file)
    card = Card(
        name="pet-tiny",
        title="PET-tiny, as it comes from training",
        family=FAMILY,
        elements=elements,
        training_sets=("mattersim-bench", "alexandria-pressure", "mlearn"),
        forces=("conservative", "direct"),
        code="https://github.com/lab-cosmo/metatrain",
        checkpoint=Checkpoint(upstream=file, upstream_format="torch-pickle"),
    )
    return convert(card, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/pet-tiny"))
