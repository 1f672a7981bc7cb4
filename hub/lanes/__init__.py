"""One lane per target: what waits, what is under way, and what a reply makes of it."""
