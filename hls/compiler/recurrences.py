"""Strongly connected components: what has to be scheduled together because it closes a cycle."""

from collections.abc import Mapping, Sequence

from .graph import Node


def components(nodes: Sequence[Node], sources: Mapping[Node, Sequence[Node]]) -> list[list[Node]]:
    """Tarjan's algorithm: components in dependency order, sources before what needs them."""
    index: dict[Node, int] = {}
    low: dict[Node, int] = {}
    open_nodes: dict[Node, None] = {}
    found: list[list[Node]] = []
    for root in nodes:
        if root in index:
            continue
        index[root] = low[root] = len(index)
        open_nodes[root] = None
        work = [(root, iter(sources[root]))]
        while work:
            node, remaining = work[-1]
            for source in remaining:
                if source not in index:
                    index[source] = low[source] = len(index)
                    open_nodes[source] = None
                    work.append((source, iter(sources[source])))
                    break
                if source in open_nodes:
                    low[node] = min(low[node], index[source])
            else:
                work.pop()
                if work:
                    parent = work[-1][0]
                    low[parent] = min(low[parent], low[node])
                if low[node] == index[node]:
                    found.append(_close(node, open_nodes))
    return found


def _close(root: Node, open_nodes: dict[Node, None]) -> list[Node]:
    component = []
    while True:
        node, _ = open_nodes.popitem()
        component.append(node)
        if node is root:
            return component


def in_order(component: Sequence[Node], sources: Mapping[Node, Sequence[Node]]) -> list[Node]:
    """The nodes of a component, sources first; `sources` has no cycle."""
    members = set(component)
    ordered: list[Node] = []
    seen: set[Node] = set()
    for root in component:
        stack = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if ready:
                ordered.append(node)
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                stack += [(source, False) for source in sources[node] if source in members]
    return ordered
