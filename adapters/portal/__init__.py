"""The National Public Service Portal: QCVN 120 packets, JSON and XML, both directions."""
