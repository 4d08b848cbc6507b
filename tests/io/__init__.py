"""Tests of the edges: both drivers, against real sockets."""
