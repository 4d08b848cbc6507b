"""From testing to enforce: what enforcing would have cost, and whether the step is safe.

`judge` brings together what others have reported, what is published and shown now, and the trail of
what was before. Nothing is imported here, since the store knows the values of the trail.
"""
