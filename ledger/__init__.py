"""What happened, and can it be proved: the append-only, signed, provable log."""
