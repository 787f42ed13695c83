"""Chemical symbols in order, without ASE: reading cards must stay cheap."""

from __future__ import annotations

SYMBOLS = tuple(
    (
        "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr "
        "Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu "
        "Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr "
        "Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og"
    ).split()
)
"""Symbol of atomic number Z at index Z - 1."""


def expand(text: str) -> tuple[str, ...]:
    """`H-Bi, Ac-Pu` → every symbol from hydrogen to bismuth and from actinium to plutonium.

    Raises ValueError for what is no element, a range that runs backwards, and more elements than there are.
    """
    found: list[str] = []
    for part in text.split(","):
        first, _, last = (word.strip() for word in part.partition("-"))
        start, stop = _index(first), _index(last or first)
        if stop < start:
            raise ValueError(f"{part.strip()!r} runs backwards")
        found += SYMBOLS[start : stop + 1]
        if len(found) > len(SYMBOLS):
            raise ValueError("an element stands twice")
    return tuple(found)


def _index(symbol: str) -> int:
    if symbol not in SYMBOLS:
        raise ValueError(f"no such element: {symbol!r}")
    return SYMBOLS.index(symbol)
