"""The HTTP face of the hub: messages, dossiers, feeds, and the mount points of the adapters' served endpoints."""
