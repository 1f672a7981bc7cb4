"""What has been agreed: canonical facts, identifiers, wire schemas, code tables, ports and errors."""
