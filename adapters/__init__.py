"""How each party says it, and how it travels: one folder per party format, transports shared."""
