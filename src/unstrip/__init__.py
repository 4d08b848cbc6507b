"""unstrip: opportunistic TLS that can be relied on."""
