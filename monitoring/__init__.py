"""What can be seen: metrics, logs, health."""
