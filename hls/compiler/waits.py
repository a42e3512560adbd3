"""Which streams hold an iteration up: all but those that it accesses only when they are ready.

    if (!in.empty() && ...) in.read();    // starts whether there is something or not

The test is a part of the access's predicate, and "no access, or ready" holds in any case.
"""

from .graph import Region
from .predicates import implies
from .schedule import ready_stage

_READY = {"read": "not_empty", "write": "not_full"}


def holds_up(region: Region, operation: str, port: str) -> bool:
    """Whether an iteration's start waits for a stream that it reads or writes."""
    here = [node for node in region.effects if node.port == port]
    predicates = [node.operands[0] for node in here if node.operation == operation]
    asked = [node for node in here if node.operation == _READY[operation]]
    if not asked or any(ready_stage(predicate) != 0 for predicate in predicates):
        return True
    return not all(implies(predicate, asked[0]) for predicate in predicates)
