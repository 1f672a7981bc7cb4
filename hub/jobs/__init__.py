"""What the hub does beside its traffic, by itself and for as long as it runs."""
