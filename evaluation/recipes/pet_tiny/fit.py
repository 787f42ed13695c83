"""Train metatrain's PET on frames.npz. Runs by path in PET's own environment: python -I fit.py FOLDER.

FOLDER holds frames.npz and recipe.json; what comes out is `upstream`, a checkpoint in metatrain's own format,
held-out.json, the errors on the test frames by source, and log.jsonl. Killed, it goes on from the last whole epoch. One
thread: the same recipe gives the same weights on the same machine.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import metatensor.torch as mts
import metatomic.torch  # noqa: F401  # registers the classes that a checkpoint is made of
import numpy as np
import torch
from metatrain.pet import PET
from metatrain.utils.architectures import get_default_hypers
from metatrain.utils.data import DatasetInfo
from metatrain.utils.data.target_info import TargetInfo, get_energy_target_info, get_generic_target_info
from torch.nn.functional import huber_loss
from vesin import NeighborList

DIRECT = ("non_conservative_force", "non_conservative_stress")


@dataclass(frozen=True)
class Frame:
    """One structure with its edges and labels; the energy is per atom, without the composition's part."""

    positions: torch.Tensor
    cell: torch.Tensor
    numbers: torch.Tensor
    centers: torch.Tensor
    neighbours: torch.Tensor
    shifts: torch.Tensor
    energy: float
    forces: torch.Tensor
    stress: torch.Tensor
    volume: float
    most_neighbours: int
    source: str

    def __len__(self) -> int:
        return len(self.numbers)


def read(path: Path, cutoff: float) -> tuple[dict[str, list[Frame]], dict[int, float]]:
    """Frames by part, and the energies of atoms that a least-squares fit to the training frames takes off them."""
    with np.load(path) as archive:
        stored = dict(archive)  # an open archive would unpack an array every time it is asked for
    ends = np.cumsum(stored["sizes"])
    atoms = [slice(end - size, end) for end, size in zip(ends, stored["sizes"], strict=True)]
    known = np.unique(stored["numbers"])
    counts = np.array([[np.sum(stored["numbers"][rows] == z) for z in known] for rows in atoms])
    training = stored["parts"] == "train"
    sizes = stored["sizes"].astype(float)
    # per atom, so that a large cell does not outweigh the small ones
    weights, *_ = np.linalg.lstsq(
        counts[training] / sizes[training, None], stored["energies"][training] / sizes[training], rcond=None
    )
    composition = {int(z): float(weight) for z, weight in zip(known, weights, strict=True)}
    residuals = (stored["energies"] - counts @ weights) / sizes
    parts: dict[str, list[Frame]] = {"train": [], "validation": [], "test": []}
    search = NeighborList(cutoff=cutoff, full_list=True)
    for k, rows in enumerate(atoms):
        i, j, shifts = search.compute(
            points=stored["positions"][rows], box=stored["cells"][k], periodic=True, quantities="ijS"
        )
        frame = Frame(
            positions=_float(stored["positions"][rows]),
            cell=_float(stored["cells"][k]),
            numbers=torch.tensor(stored["numbers"][rows]),
            centers=torch.tensor(i.astype(np.int64)),
            neighbours=torch.tensor(j.astype(np.int64)),
            shifts=torch.tensor(shifts.astype(np.int32)),
            energy=float(residuals[k]),
            forces=_float(stored["forces"][rows]),
            stress=_float(stored["stresses"][k]),
            volume=float(abs(np.linalg.det(stored["cells"][k]))),
            most_neighbours=int(np.bincount(i.astype(np.int64), minlength=len(stored["numbers"][rows])).max()),
            source=str(stored["sources"][k]),
        )
        parts[str(stored["parts"][k])].append(frame)
    return parts, composition


def build(recipe: dict[str, Any], composition: dict[int, float]) -> PET:
    """A fresh PET with an energy, direct forces and a direct stress; no buffer is left to chance."""

    def cartesian(name: str, rank: int, quantity: str, unit: str, kind: str) -> TargetInfo:
        described = {"quantity": quantity, "unit": unit, "type": {"cartesian": {"rank": rank}}, "num_subtargets": 1}
        return get_generic_target_info(name, {**described, "sample_kind": kind})

    targets = {
        "energy": get_energy_target_info(
            "energy", {"quantity": "energy", "unit": "eV"}, add_position_gradients=True, add_strain_gradients=True
        ),
        DIRECT[0]: cartesian(DIRECT[0], 1, "force", "eV/Angstrom", "atom"),
        DIRECT[1]: cartesian(DIRECT[1], 2, "pressure", "eV/Angstrom^3", "system"),
    }
    types = sorted(composition)
    hypers = {**get_default_hypers("pet")["model"], **recipe["model"]}
    model = PET(hypers, DatasetInfo("angstrom", types, targets))
    atoms = model.additive_models[0]
    block = atoms.model.weights["energy"].block(0)
    block.values[:] = torch.tensor([[composition[z]] for z in types], dtype=block.values.dtype)
    atoms.energy_composition_buffer = mts.save_buffer(mts.make_contiguous(atoms.model.weights["energy"]))
    for part in (atoms, model.scaler):
        part.dummy_buffer.zero_()
        used = torch.zeros(len(part.model.type_to_index), dtype=torch.bool)
        used[types] = True
        part.model.type_to_index[~used] = 0  # made by torch.empty
    return model


def batches(frames: list[Frame], atoms: int, rng: np.random.Generator) -> Iterator[list[Frame]]:
    """Each frame once, in random order; frames of like coordination together, because PET pads to the largest."""
    order = rng.permutation(len(frames))
    made: list[list[Frame]] = []
    for start in range(0, len(order), 64):
        batch: list[Frame] = []
        for k in sorted(order[start : start + 64], key=lambda k: frames[k].most_neighbours):
            if batch and sum(map(len, batch)) + len(frames[k]) > atoms:
                made.append(batch)
                batch = []
            batch.append(frames[k])
        made.append(batch)
    for k in rng.permutation(len(made)):
        yield made[k]


def rotation(rng: np.random.Generator) -> torch.Tensor:
    """A random element of O(3)."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    return _float(q * np.sign(np.diag(r)) * rng.choice((-1, 1)))


def predict(
    model: PET, batch: list[Frame], turns: list[torch.Tensor], *, conservative: bool
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Predictions and labels by name: energy per atom (eV), forces (eV/Å), stress × volume per atom (eV)."""
    sizes = torch.tensor([len(frame) for frame in batch])
    ends = torch.cumsum(sizes, 0)
    owner = torch.repeat_interleave(torch.arange(len(batch)), sizes)
    positions = torch.cat([frame.positions @ turn.T for frame, turn in zip(batch, turns, strict=True)])
    cells = torch.stack([frame.cell @ turn.T for frame, turn in zip(batch, turns, strict=True)])
    strains = torch.zeros_like(cells)
    if conservative:
        positions.requires_grad_(True)
        strains.requires_grad_(True)
    change = torch.eye(3) + (strains + strains.transpose(1, 2)) / 2
    numbers = torch.cat([frame.numbers for frame in batch])
    offsets = ends - sizes
    strained = cells @ change
    data = model.backend.preprocess(
        (positions[:, None] @ change[owner])[:, 0],
        torch.cat([frame.centers + offset for frame, offset in zip(batch, offsets, strict=True)]),
        torch.cat([frame.neighbours + offset for frame, offset in zip(batch, offsets, strict=True)]),
        numbers,
        strained,
        torch.cat([frame.shifts for frame in batch]),
        owner,
        model.cutoff_width_adaptive,
    )
    nodes, edges = model.backend.calculate_features(data)
    answer, *_ = model.backend.predict(nodes, edges, data, strained, owner, ["energy", *DIRECT])
    energies = torch.zeros(len(batch)).index_add(0, owner, answer["energy"][0].reshape(-1))
    per_atom = torch.tensor([frame.volume / len(frame) for frame in batch])[:, None, None]
    direct_stress = torch.zeros(len(batch), 3, 3).index_add(0, owner, answer[DIRECT[1]][0].reshape(-1, 3, 3))
    found = {
        "energy": energies / sizes,
        "direct_forces": answer[DIRECT[0]][0].reshape(-1, 3),
        "direct_stress": direct_stress * per_atom,
    }
    forces = torch.cat([frame.forces @ turn.T for frame, turn in zip(batch, turns, strict=True)])
    stress = torch.stack([turn @ frame.stress @ turn.T for frame, turn in zip(batch, turns, strict=True)]) * per_atom
    labels = {
        "energy": torch.tensor([frame.energy for frame in batch]),
        "direct_forces": forces,
        "direct_stress": stress,
    }
    if conservative:
        gradient, virials = torch.autograd.grad(energies.sum(), [positions, strains], create_graph=model.training)
        found |= {"forces": -gradient, "stress": virials / sizes[:, None, None]}
        labels |= {"forces": forces, "stress": stress}
    return found, labels


def errors(model: PET, frames: list[Frame], atoms: int) -> dict[str, float]:
    """Mean absolute errors of unrotated frames: meV/atom, meV/Å, and meV/atom for stress × volume."""
    model.eval()
    gathered: dict[str, list[torch.Tensor]] = {}
    for batch in batches(frames, atoms, np.random.default_rng(0)):
        found, labels = predict(model, batch, [torch.eye(3)] * len(batch), conservative=True)
        for name in found:
            gathered.setdefault(name, []).append((found[name].detach() - labels[name]).abs().flatten())
    model.train()
    return {name: round(1000 * float(torch.cat(parts).mean()), 1) for name, parts in gathered.items()}


class Training:
    """Weights, optimiser and average at a step; every batch and rotation follows from the seed and the step."""

    def __init__(self, model: PET, recipe: dict[str, Any], folder: Path) -> None:
        self.model = model
        self.settings = recipe["training"]
        self.seed = recipe["seed"]
        self.folder = folder
        self.step = 0
        self.epoch = 0
        self.optimiser = torch.optim.AdamW(
            model.backend.parameters(), lr=self.settings["learning_rate"], weight_decay=0
        )
        self.average = {name: tensor.detach().clone() for name, tensor in model.backend.state_dict().items()}

    @property
    def phase(self) -> dict[str, Any]:
        return next(phase for phase in self.settings["phases"] if self.step < phase["until"])

    @property
    def last_step(self) -> int:
        return int(self.settings["phases"][-1]["until"])

    def run(self, frames: dict[str, list[Frame]]) -> None:
        """Go on to the last step; the model then has the averaged weights."""
        self.model.train()
        while self.step < self.last_step:
            rng = np.random.default_rng([self.seed, self.epoch])
            fitting = [f for f in frames["train"] if float(f.forces.abs().max()) >= self.phase["forces_above"]]
            planned = list(batches(fitting, self.settings["atoms_per_batch"], rng))
            end = self.phase["until"]
            for batch in planned:
                seen = self._learn(batch)
                self.step += 1
                if self.step % self.settings["report_every"] == 0:
                    self._report(seen, frames["validation"])
                if self.step == end:
                    break
            self.epoch += 1
            self.save()  # at the end of an epoch alone, so that one which was cut off is done anew
        self.model.backend.load_state_dict(self.average)

    def _learn(self, batch: list[Frame]) -> dict[str, float]:
        phase, weights = self.phase, self.settings["weights"]
        rng = np.random.default_rng([self.seed, 1, self.step])
        conservative = "forces" in phase["targets"]
        found, labels = predict(self.model, batch, [rotation(rng) for _ in batch], conservative=conservative)
        delta = phase["huber"]
        losses = [
            weights[name] * huber_loss(found[name], labels[name], delta=delta) / delta for name in phase["targets"]
        ]
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings["learning_rate"] * self._schedule()
        self.optimiser.zero_grad()
        torch.stack(losses).sum().backward()
        torch.nn.utils.clip_grad_norm_(self.model.backend.parameters(), self.settings["gradient_norm"])
        self.optimiser.step()
        decay = min(self.settings["averaging"], self.step / (self.step + 20))
        with torch.no_grad():
            for name, tensor in self.model.backend.state_dict().items():
                if tensor.is_floating_point():
                    self.average[name].lerp_(tensor, 1 - decay)
        return {name: 1000 * float((found[name] - labels[name]).detach().abs().mean()) for name in found}

    def _schedule(self) -> float:
        warm: float = min(1.0, (self.step + 1) / self.settings["warmup"])
        return warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.step / self.last_step)))

    def _report(self, seen: dict[str, float], validation: list[Frame]) -> None:
        """One line of log: the averaged weights' errors on the validation frames."""
        current = {name: tensor.clone() for name, tensor in self.model.backend.state_dict().items()}
        self.model.backend.load_state_dict(self.average)
        line = {
            "step": self.step,
            "epoch": self.epoch,
            "last_batch": {name: round(value, 1) for name, value in seen.items()},
            "validation": errors(self.model, validation, self.settings["atoms_per_batch"]),
            "cpu_seconds": round(time.process_time()),
        }
        self.model.backend.load_state_dict(current)
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    def save(self) -> None:
        state = {
            "step": self.step,
            "epoch": self.epoch,
            "weights": self.model.backend.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
        }
        torch.save(state, self.folder / "state.part")
        (self.folder / "state.part").replace(self.folder / "state.pt")

    def resume(self) -> None:
        path = self.folder / "state.pt"
        if path.exists():
            state = torch.load(path, weights_only=True)
            self.step, self.epoch = state["step"], state["epoch"]
            self.model.backend.load_state_dict(state["weights"])
            self.average = state["average"]
            self.optimiser.load_state_dict(state["optimiser"])
        self._cut_log()

    def _cut_log(self) -> None:
        """Take lines off the log whose steps are about to be done again."""
        log = self.folder / "log.jsonl"
        lines = log.read_text().splitlines(keepends=True) if log.exists() else []
        log.write_text("".join(line for line in lines if json.loads(line)["step"] <= self.step))


def main(folder: Path) -> None:
    """Train, test, and write the checkpoint whole."""
    torch.set_num_threads(1)
    recipe = json.loads((folder / "recipe.json").read_text())
    frames, composition = read(folder / "frames.npz", float(recipe["model"]["cutoff"]))
    torch.manual_seed(recipe["seed"])
    model = build(recipe, composition)
    training = Training(model, recipe, folder)
    training.resume()
    training.run(frames)
    tested = {
        source: {"frames": len(chosen), **errors(model, chosen, recipe["training"]["atoms_per_batch"])}
        for source in sorted({frame.source for frame in frames["test"]})
        if (chosen := [frame for frame in frames["test"] if frame.source == source])
    }
    (folder / "held-out.json").write_text(json.dumps(tested, indent=1) + "\n")
    torch.save(model.get_checkpoint(), folder / "upstream.part")
    (folder / "upstream.part").replace(folder / "upstream")


def _float(array: np.ndarray) -> torch.Tensor:
    return torch.tensor(array, dtype=torch.float32)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
