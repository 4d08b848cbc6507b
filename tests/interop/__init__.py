"""Interop: unstrip against real Debian mail servers on loopback."""
