"""Analysis: what results say together, computed before any page is drawn."""
