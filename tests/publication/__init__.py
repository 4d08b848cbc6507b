"""Tests of what to publish, without sockets: answers from a dictionary, visits made by hand."""
