"""Reference: data sets by hash, and the crystals and figures that tasks take from them."""
