"""Planning: what a run will cost, from what earlier runs did cost."""
