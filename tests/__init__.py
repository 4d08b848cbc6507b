"""The tests of unstrip."""
