"""Each trick, tried on our own client."""
