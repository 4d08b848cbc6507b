"""The policy daemon, as mail servers meet it."""
