"""Checks: one function for each thing a potential must do, with the number behind its verdict; `suite` runs them."""
