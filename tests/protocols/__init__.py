"""Tests of the protocols: their transcripts, and what every one of them must hold."""
