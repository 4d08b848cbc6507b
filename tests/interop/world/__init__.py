"""A world of real servers, in which every case of a policy has a domain of its own."""

from tests.interop.world.world import World, a_world

__all__ = ["World", "a_world"]
