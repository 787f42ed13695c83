"""Cards: what a person writes about a checkpoint, the names of entries, and the index of all cards."""
