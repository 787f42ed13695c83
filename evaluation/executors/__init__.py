"""How the shards of a run are spread over processes, GPUs and nodes. Nothing outside knows of engines."""
