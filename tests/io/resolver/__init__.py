"""Tests of the resolver, against name servers that lie."""
