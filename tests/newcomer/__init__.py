"""FERRY, a protocol that somebody made up, as a newcomer adds it: every file and nothing else.

Which file goes where, and the lines that go with them, stand in `docs/howto/add-a-protocol.md`.
Nothing here is imported or collected in place; `tests/test_add_a_protocol.py` follows the page in
a copy of the project, and tries what comes of it.
"""
