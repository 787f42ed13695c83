"""Recipes: the checkpoints that this project trained itself, from public data. `mlip-zoo train NAME` makes one anew.

checkpoints/   a folder for each: recipe.yaml has every number, log.jsonl and held-out.json are what came of it
recipe.py      what a recipe may say
frames.py      the DFT frames, and who is held out
reserved.py    structures of the evaluations, held out by formula
structures.py  crystals for a teacher to label
teacher.py     its labels, in shards
training.py    frames → fit → safetensors
fit.py         the training itself; runs by path in the network's own environment
networks/      what fit.py trains
"""
