"""A tiny PET with a conservative and a direct head, trained on public DFT data: `make train-pet-tiny`.

recipe.yaml   every number
frames.py     the DFT frames, and who is held out; runs here
fit.py        the training; runs in PET's own environment
__main__.py   frames → fit → safetensors → table of held-out errors
"""
