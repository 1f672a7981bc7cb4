"""Read models: derived from the log, equal to what a rebuild from the log gives, never asked for a decision."""
