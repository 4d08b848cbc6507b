"""What other mail servers are told."""
