"""Runtime: a model's process in its family's environment, and the pipe to it."""
