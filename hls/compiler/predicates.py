"""How two conditions hold together: truth tables over the few atoms they depend on."""

from collections.abc import Iterable

from .graph import Node

ATOMS = 12
"""A truth table has 2^ATOMS bits; what is deeper counts as an atom, which is safe."""

_LOGIC = frozenset(["and", "or", "xor", "not", "select"])
_Atom = Node | tuple[Node, int] | tuple[str, str]


def exclusive(first: Node, second: Node) -> bool:
    """Never both 1. False where it cannot be told."""
    if first is second:
        return first.operation == "constant" and first.value == 0
    one, other, possible = _tables(first, second)
    return one & other & possible == 0


def implies(first: Node, second: Node) -> bool:
    """Where the first is 1, so is the second. False where it cannot be told."""
    if first is second:
        return True
    one, other, possible = _tables(first, second)
    return one & ~other & possible == 0


def _tables(first: Node, second: Node) -> tuple[int, int, int]:
    """Truth tables of both, and which rows are possible."""
    logic, atoms = _expand((first, second))
    tables = _atom_tables(atoms)
    return _table(first, logic, tables), _table(second, logic, tables), _possible(tables)


def _is_logic(node: Node) -> bool:
    return node.width == 1 and node.operation in _LOGIC


def _atom(node: Node) -> _Atom:
    """Comparisons of one value with constants are told apart by the constant.

    The state of a stream is the same wherever an iteration asks for it.
    """
    if node.operation in ("not_empty", "not_full"):
        return node.operation, node.port
    if node.operation in ("eq", "ne") and node.operands[1].operation == "constant":
        return node.operands[0], node.operands[1].value
    return node


def _expand(roots: Iterable[Node]) -> tuple[set[Node], list[_Atom]]:
    """The logic that is looked into, from the roots down, and the atoms below it."""
    leaves = dict.fromkeys(roots)
    logic: set[Node] = set()
    todo = list(leaves)
    for node in todo:
        if not _is_logic(node) or node in logic:
            continue
        wider = [leaf for leaf in leaves if leaf is not node]
        wider += [x for x in node.operands if x not in leaves and x not in logic]
        if len({_atom(leaf) for leaf in wider}) > ATOMS:
            continue
        leaves = dict.fromkeys(wider)
        logic.add(node)
        todo += node.operands
    atoms = {_atom(leaf) for leaf in leaves if leaf.operation != "constant"}
    return logic, list(atoms)


def _atom_tables(atoms: list[_Atom]) -> dict[_Atom, int]:
    """Column i of a truth table: bit r is bit i of r."""
    rows = 1 << len(atoms)
    tables = {}
    for position, atom in enumerate(atoms):
        period = 1 << position
        column = ((1 << period) - 1) << period
        while period * 2 < rows:
            period *= 2
            column |= column << period
        tables[atom] = column
    return tables


def _possible(tables: dict[_Atom, int]) -> int:
    """Rows in which no value equals two constants."""
    rows = (1 << (1 << len(tables))) - 1
    equalities = [atom for atom in tables if isinstance(atom, tuple) and isinstance(atom[0], Node)]
    for position, atom in enumerate(equalities):
        for other in equalities[:position]:
            if atom[0] is other[0]:
                rows &= ~(tables[atom] & tables[other])
    return rows


def _table(node: Node, logic: set[Node], tables: dict[_Atom, int]) -> int:
    rows = (1 << (1 << len(tables))) - 1
    known: dict[Node, int] = {}
    stack = [node]
    while stack:
        current = stack[-1]
        if current in known:
            stack.pop()
            continue
        if current.operation == "constant":
            known[current] = rows if current.value else 0
        elif current not in logic:
            table = tables[_atom(current)]
            known[current] = table ^ rows if current.operation == "ne" else table
        else:
            missing = [operand for operand in current.operands if operand not in known]
            if missing:
                stack += missing
                continue
            known[current] = _combine(current, [known[x] for x in current.operands], rows)
    return known[node]


def _combine(node: Node, tables: list[int], rows: int) -> int:
    if node.operation == "and":
        return tables[0] & tables[1]
    if node.operation == "or":
        return tables[0] | tables[1]
    if node.operation == "xor":
        return tables[0] ^ tables[1]
    if node.operation == "not":
        return tables[0] ^ rows
    return (tables[0] & tables[1]) | ((tables[0] ^ rows) & tables[2])
