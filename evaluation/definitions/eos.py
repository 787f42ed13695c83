"""Equations of state: metrics and protocol of the task `eos`."""

from __future__ import annotations

from functools import cache

from evaluation.metric import Metric
from evaluation.protocol import TaskProtocol, read_protocol

METRICS = (
    Metric(
        name="delta",
        label="Δ, median",
        unit="meV/atom",
        better="lower",
        best=0.0,
        average="median",
        on_failure="worst",
        doc="Root-mean-square distance between the model's E(V) and the all-electron PBE one over ±6 % in volume, "
        "median over elements. An element without an equation of state counts as worse than any other.",
    ),
    Metric(
        name="delta_mean",
        label="Δ, mean",
        unit="meV/atom",
        better="lower",
        best=0.0,
        doc="The same, mean over the elements that have an equation of state; a single element can decide it.",
    ),
    Metric(
        name="delta_nonmagnetic",
        label="Δ, non-magnetic, median",
        unit="meV/atom",
        better="lower",
        best=0.0,
        average="median",
        on_failure="worst",
        doc="Δ, median over the elements whose reference has no magnetic moments.",
    ),
    Metric(
        name="v0_error",
        label="|V0 error|, median",
        unit="%",
        better="lower",
        best=0.0,
        average="median",
        on_failure="worst",
        doc="Absolute error of the equilibrium volume, median over elements.",
    ),
    Metric(
        name="b0_error",
        label="|B0 error|, median",
        unit="%",
        better="lower",
        best=0.0,
        average="median",
        on_failure="worst",
        doc="Absolute error of the bulk modulus, median over elements.",
    ),
    Metric(
        name="success",
        label="curves",
        unit="",
        better="higher",
        best=1.0,
        worst=0.0,
        on_failure="worst",
        doc="Fraction of elements for which the model gives an equation of state with a minimum near the reference's "
        "and a pressure derivative of the bulk modulus between -1 and 20.",
    ),
)


class EosProtocol(TaskProtocol):
    """The numbers of `evaluation/protocols/eos-v1.yaml`."""

    volume_ratios: tuple[float, ...]
    """Over the reference's equilibrium volume."""
    canary: tuple[str, ...]
    fast: tuple[str, ...]
    """Symbols; full adds every other element of the reference."""


@cache
def protocol() -> EosProtocol:
    """The numbers of today's protocol."""
    return read_protocol("eos", EosProtocol)
