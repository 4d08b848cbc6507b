"""Policy: what should have happened, source by source, and the one decision they come to."""

from unstrip.policy.values import Decision, Level, Policy, decide

__all__ = ["Decision", "Level", "Policy", "decide"]
