"""How the models that we trained ourselves were made: each folder is a recipe that anyone can run again."""
