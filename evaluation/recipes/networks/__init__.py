"""Networks that `fit.py` trains: each runs in its family's environment, loaded by path."""
