"""The faces: each on its own, none imports another."""
