"""Simulated parties in a process of their own: they serve, they send, and they can be asked what they hold.

Used by ``lienthong sim up`` and ``lienthong demo`` and by tests that need the other side to be somebody else's process.
Everything goes over real HTTP; the simulators know nothing of the hub but its address and their credentials.
"""
