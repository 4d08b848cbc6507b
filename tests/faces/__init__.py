"""The faces, as their users meet them."""
