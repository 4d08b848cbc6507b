"""The policy daemon: mail servers ask, and are told what should happen."""
