"""mlip-zoo: pretrained interatomic potentials by name.

    import zoo

    atoms.calc = zoo.load("chgnet-0.3.0")

Importing this package costs nothing: what it offers is imported when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo import errors
    from zoo.batch import Batch
    from zoo.cards.card import Card
    from zoo.cards.index import card as get_card
    from zoo.cards.index import names
    from zoo.cards.mode import Mode
    from zoo.loading import load
    from zoo.potential import Potential

    __version__: str

__all__ = ["Batch", "Card", "Mode", "Potential", "errors", "get_card", "load", "names"]

# Public name → module and its name there. No public name may be a submodule's: importing `zoo.loading` sets the
# attribute `loading` of this package, so a function of that name would turn into a module halfway through a session.
_WHERE = {
    "Batch": ("zoo.batch", "Batch"),
    "Card": ("zoo.cards.card", "Card"),
    "Mode": ("zoo.cards.mode", "Mode"),
    "Potential": ("zoo.potential", "Potential"),
    "get_card": ("zoo.cards.index", "card"),
    "load": ("zoo.loading", "load"),
    "names": ("zoo.cards.index", "names"),
}


if not TYPE_CHECKING:  # hidden from type checkers, so that they still notice a misspelt name

    def __getattr__(name: str) -> object:
        if name == "errors":
            return import_module("zoo.errors")
        if name == "__version__":
            from importlib.metadata import version

            return version("mlip-zoo")
        if name not in _WHERE:
            raise AttributeError(f"module 'zoo' has no attribute {name!r}; it offers {', '.join(__all__)}")
        module, attribute = _WHERE[name]
        return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
