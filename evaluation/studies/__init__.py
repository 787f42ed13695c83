"""Studies: experiments on the protocols themselves, with potentials broken by a known amount."""
