"""Tests of `unstrip.rollout`."""
