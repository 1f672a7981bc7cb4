"""Where the log lies: one transaction holds events, leaves, nodes, heads and the signed checkpoint."""
