"""What other mail servers are told, in their own words: one file a server."""
