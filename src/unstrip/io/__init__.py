"""The edges: the only rooms with sockets, files and clocks."""
