"""Figures that others published of the models, each with its source: shown beside ours, never ranked with them."""
