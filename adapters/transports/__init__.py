"""How messages travel: one driver per way, all of them under one conformance suite."""
