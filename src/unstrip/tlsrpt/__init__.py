"""TLS reporting (RFC 8460): what became of deliveries, counted, told to who asked, and read.

Pure: what is counted comes from datagrams of mail servers and from our own verdicts, and goes out
as reports; those of others come in. Sockets, files and mail are in `io/tlsrpt`.
"""
