"""TLS reporting at work: datagrams taken off a socket, reports sent, and reports taken in."""
