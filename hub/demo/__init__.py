"""The demo: the product itself, three simulated parties in a second process, and a judge."""
