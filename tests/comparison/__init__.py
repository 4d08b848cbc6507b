"""Two ways to TLS, side by side."""
