"""Submission: from a file of weights to a card, and what is checked before a model joins the zoo."""
