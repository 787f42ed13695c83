"""Tolerated: tolerance curves, counted level by level. Pure; points in, numbers out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from evaluation.curves import Curves, Dial, Point


@dataclass(frozen=True)
class Level:
    """What a fault of one size did, over crystals and seeds."""

    level: float
    n: int
    """Points."""
    failed: int
    """Points that have no numbers, or whose relaxation the potential refused."""
    omega: float | None
    """Median of the frequencies' mean absolute error, THz: symmetry-reduced displacements, symmetrised."""
    omega_full: float | None
    """Likewise of the full set of displacements, nothing symmetrised."""
    stable: int
    """Points whose sound model has no imaginary mode."""
    imaginary: int
    """How many of these have one."""
    stable_full: int
    imaginary_full: int
    relaxed: int
    """Relaxations."""
    converged: int
    kept: tuple[int, ...]
    """How many ended in the sound model's space group, at each precision of the protocol."""
    steps: tuple[int, ...]


def levels(curves: Curves, dial: Dial) -> list[Level]:
    """All levels of a dial but zero, from the smallest."""
    found: dict[float, list[Point]] = {}
    for point in curves.points:
        if point.dial == dial and point.level > 0:
            found.setdefault(point.level, []).append(point)
    return [_level(level, found[level], len(curves.protocol.retention.symprecs)) for level in sorted(found)]


def stands(given: Sequence[Level], broken: Callable[[Level], int]) -> tuple[Level | None, Level | None]:
    """The largest level below the first that broke something, and that first one; None where there is none."""
    harmful = next((level for level in given if broken(level)), None)
    below = [level for level in given if harmful is None or level.level < harmful.level]
    return (below[-1] if below else None), harmful


def _level(level: float, points: Sequence[Point], precisions: int) -> Level:
    spectra = [point.spectrum for point in points if point.spectrum]
    relaxed = [point.relaxation for point in points if point.relaxation]
    stable = [one for one in spectra if one.sound_stable]
    stable_full = [one for one in spectra if one.sound_stable_full]
    return Level(
        level=level,
        n=len(points),
        failed=sum(point.error is not None or bool(point.relaxation and point.relaxation.error) for point in points),
        omega=median(one.omega_mae for one in spectra) if spectra else None,
        omega_full=median(one.omega_mae_full for one in spectra) if spectra else None,
        stable=len(stable),
        imaginary=sum(not one.stable for one in stable),
        stable_full=len(stable_full),
        imaginary_full=sum(not one.stable_full for one in stable_full),
        relaxed=len(relaxed),
        converged=sum(one.converged for one in relaxed),
        kept=tuple(
            sum(_is_sound(one.space_groups[i], one.space_group_sound) for one in relaxed) for i in range(precisions)
        ),
        steps=tuple(one.steps for one in relaxed),
    )


def _is_sound(group: int | None, sound: int | None) -> bool:
    return group is not None and group == sound
