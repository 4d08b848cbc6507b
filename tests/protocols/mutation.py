"""Speeches spoilt: what a bad line, a bad peer or a box in between makes of them.

A mutation takes the turns of a speech, turns of other speeches, and `pick`, which returns
numbers from 0 up to 1.
"""

from __future__ import annotations


def flip(turns, _, pick):
    data, at = bytearray(b"".join(turns)), 0
    if data:
        at = int(pick() * len(data))
        data[at] ^= 1 << int(pick() * 8)
    return [bytes(data)]


def drop(turns, _, pick):
    at = int(pick() * len(turns)) if turns else 0
    return [*turns[:at], *turns[at + 1 :]]


def duplicate(turns, _, pick):
    at = int(pick() * len(turns)) if turns else 0
    return [*turns[: at + 1], *turns[at:]]


def truncate(turns, _, pick):
    if not turns:
        return []
    at = int(pick() * len(turns))
    return [*turns[:at], turns[at][: int(pick() * len(turns[at]))]]


def splice(turns, others, pick):
    at = int(pick() * (len(turns) + 1))
    return [*turns[:at], *others[int(pick() * len(others)) :][:2], *turns[at:]]


def run_together(turns, _, pick):
    at = int(pick() * len(turns)) if turns else 0
    return [*turns[:at], b"".join(turns[at : at + 2]), *turns[at + 2 :]]


MUTATIONS = [flip, drop, duplicate, truncate, splice, run_together]


def mutate(turns, others, mutation, pick):
    """Return a changed speech; an empty segment would be a hang-up, so none is left in it."""
    return [turn for turn in mutation(turns, others, pick) if turn]
