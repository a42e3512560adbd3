"""Arrays: which access uses which port of which copy, and the text of memories and tables."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..graph import Node, Region, Storage
from ..predicates import exclusive
from ..schedule import ready_stage
from .expressions import any_of, first_of
from .module import Module, Section, vector

_STYLES = {"lutram": "distributed", "bram": "block", "uram": "ultra"}
_SHARED = frozenset(["bram", "uram"])


@dataclass(frozen=True)
class Write:
    """A store: when, where and what."""

    condition: str
    address: str
    data: str


@dataclass
class _Port:
    """A read port.

    Attributes:
        loads: who uses it. data: its output. addresses: (condition, address) of each use.
    """

    loads: list[Node]
    data: str = ""
    addresses: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class _Bank:
    storage: Storage
    index: int
    name: str
    ports: list[_Port] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)


def storage_of(node: Node) -> Storage:
    """The memory of a load or store."""
    if node.memory is None:
        raise ValueError(f"{node.operation} {node.name} has no memory")
    return node.memory


def address_bits(storage: Storage) -> int:
    """Width of an address inside a bank."""
    return max(1, (storage.depth - 1).bit_length())


class Memories:
    """The arrays that the regions of a module use.

    A RAM has one write port and as many copies as there are loads that cannot share a read port.
    Registers and tables are read by each load on its own.
    """

    def __init__(self, module: Module, regions: Iterable[Region]) -> None:
        self._module = module
        self._banks: dict[tuple[str, int], _Bank] = {}
        self._ports: dict[Node, _Port] = {}
        for region in regions:
            offered: dict[tuple[str, int], int] = defaultdict(int)
            for node in region.effects:
                if node.operation in ("load", "store"):
                    bank = self._bank(node)
                    if node.operation == "load":
                        self._assign(node, region, bank, offered)
        for bank in self._banks.values():
            for number, port in enumerate(bank.ports):
                self._declare_output(bank, port, number)

    def signal(self, load: Node) -> str:
        """What a load reads, in the stage in which it is ready."""
        return self._ports[load].data

    def is_shared(self, load: Node) -> bool:
        """Its port is used by other loads too, so the address needs a condition."""
        return len({x.operands[1] for x in self._ports[load].loads}) > 1

    def read(self, load: Node, condition: str, address: str) -> None:
        """A load happens under a condition, in the stage that takes its operands."""
        port = self._ports[load]
        if address not in (known for _, known in port.addresses) or self.is_shared(load):
            port.addresses.append((condition, address))

    def write(self, store: Node, write: Write) -> None:
        """A store; where several happen in one cycle, the last one given wins."""
        self._bank(store).writes.append(write)

    def copies(self) -> dict[str, int]:
        """Name of the storage -> copies of each bank: its number of read ports."""
        found: dict[str, int] = defaultdict(int)
        for bank in self._banks.values():
            kind = bank.storage.kind
            count = 1 if kind in ("register", "rom") else max(1, len(bank.ports))
            found[bank.storage.name] = max(found[bank.storage.name], count)
        return found

    def storages(self) -> list[Storage]:
        """Every array that is used."""
        return list({bank.storage.name: bank.storage for bank in self._banks.values()}.values())

    def have_contents(self) -> bool:
        """Some array starts with values, which must survive the time before reset."""
        written = [bank for bank in self._banks.values() if bank.storage.kind != "rom"]
        return any(bank.storage.initial is not None for bank in written)

    def most_writes(self) -> int:
        """Register bits that the stores of one array enable."""
        registers = [b for b in self._banks.values() if b.storage.kind == "register"]
        return max((b.storage.width * b.storage.depth for b in registers if b.writes), default=0)

    # Ports --------------------------------------------------------------------------------------

    def _bank(self, node: Node) -> _Bank:
        storage = storage_of(node)
        key = storage.name, node.bank
        if key not in self._banks:
            suffix = f"_{node.bank}" if storage.banks > 1 else ""
            name = self._module.names.unique(storage.name + suffix)
            self._banks[key] = _Bank(storage, node.bank, name)
        return self._banks[key]

    def _assign(
        self, node: Node, region: Region, bank: _Bank, offered: dict[tuple[str, int], int]
    ) -> None:
        """The first port of the bank that is free when the node reads."""
        interval = max(1, region.interval) if region.pipelined else None
        members = set(region.nodes)
        for port in bank.ports:
            beside = [load for load in port.loads if load in members]
            if all(_can_share(node, other, interval) for other in beside):
                port.loads.append(node)
                self._ports[node] = port
                return
        port = _Port([node])
        bank.ports.append(port)
        self._ports[node] = port

    def _declare_output(self, bank: _Bank, port: _Port, number: int) -> None:
        suffix = f"_{number + 1}" if len(bank.ports) > 1 else ""
        port.data = self._module.declare(f"{bank.name}_read{suffix}", bank.storage.width)

    # Text ---------------------------------------------------------------------------------------

    def declarations(self) -> Section:
        """Outputs of the read ports, and arrays that are described in this module."""
        section = Section("Memories and tables")
        for bank in self._banks.values():
            width, depth = bank.storage.width, bank.storage.depth
            if _is_instance(bank.storage):
                names = ", ".join(port.data for port in bank.ports)
                if names:
                    section.add(f"wire {vector(width)}{names};", bank.storage.memory.location)
                continue
            style = _STYLES.get(bank.storage.kind)
            attribute = f'(* ram_style = "{style}" *) ' if style else ""
            size = f" [0:{depth - 1}]" if depth > 1 else ""
            section.add(
                f"{attribute}logic {vector(width)}{bank.name}{size};",
                bank.storage.memory.location,
            )
            if bank.storage.initial is not None:
                _initialise(section, bank)
            for port in bank.ports:
                kind = "logic" if bank.storage.read_latency else "wire"
                section.add(f"{kind} {vector(width)}{port.data};")
        return section

    def accesses(self) -> Section:
        """Everything that reads and writes them."""
        section = Section("Accesses to memories and tables")
        for bank in self._banks.values():
            if _is_instance(bank.storage):
                self._instances(section, bank)
                continue
            for port in bank.ports:
                self._read_array(section, bank, port)
            statements = []
            for write in bank.writes:
                target = f"{bank.name}[{write.address}]" if bank.storage.depth > 1 else bank.name
                statements.append(f"if ({write.condition}) {target} <= {write.data};")
            section.block("always_ff @(posedge clk)", statements)
        return section

    def _read_array(self, section: Section, bank: _Bank, port: _Port) -> None:
        address = first_of(port.addresses)
        word = f"{bank.name}[{address}]" if bank.storage.depth > 1 else bank.name
        latency = bank.storage.read_latency
        if latency == 0:
            section.add(f"assign {port.data} = {word};")
            return
        steps = [self._module.names.unique(f"{port.data}_early") for _ in range(latency - 1)]
        if steps:
            section.add(f"logic {vector(bank.storage.width)}{', '.join(steps)};")
        statements = []
        for target in [*steps, port.data]:
            statements.append(f"{target} <= {word};")
            word = target
        section.block("always_ff @(posedge clk)", statements)
        self._module.register_bits += bank.storage.width * latency

    def _instances(self, section: Section, bank: _Bank) -> None:
        storage = bank.storage
        enable = any_of([write.condition for write in bank.writes])
        address = first_of([(write.condition, write.address) for write in bank.writes]) or "'0"
        data = first_of([(write.condition, write.data) for write in bank.writes]) or "'0"
        parameters = (
            f".WIDTH({storage.width}), .DEPTH({max(2, storage.depth)}), "
            f'.STYLE("{_STYLES[storage.kind]}"), .LATENCY({storage.read_latency})'
        )
        for number, port in enumerate(bank.ports):
            suffix = f"_copy{number + 1}" if len(bank.ports) > 1 else "_ram"
            name = self._module.names.unique(bank.name + suffix)
            read_address = first_of(port.addresses)
            section.add(f"ram_sdp #({parameters}) {name} (")
            section.add(".clk(clk),", indent=4)
            section.add(f".write_enable({enable}),", indent=4)
            section.add(f".write_address({address}),", indent=4)
            section.add(f".write_data({data}),", indent=4)
            section.add(f".read_address({read_address}), .read_data({port.data})", indent=4)
            section.add(");")


def _can_share(first: Node, second: Node, interval: int | None) -> bool:
    """Two loads of one region never need the port in one cycle with different addresses."""
    kind = storage_of(first).kind
    if kind in ("register", "rom"):
        return False
    apart = first.stage - second.stage
    if apart and (interval is None or apart % interval):
        return True
    if apart:
        return False
    if first.operands[1] is second.operands[1]:
        return True
    known = all(ready_stage(x.operands[0]) <= x.stage for x in (first, second))
    return kind in _SHARED and known and exclusive(first.operands[0], second.operands[0])


def _is_instance(storage: Storage) -> bool:
    """It is a `ram_sdp`, which has no initial contents."""
    return storage.kind in _STYLES and storage.initial is None


def _initialise(section: Section, bank: _Bank) -> None:
    storage = bank.storage
    values = storage.initial[bank.index] if storage.initial else ()
    if storage.depth == 1:
        section.add(f"initial {bank.name} = {storage.width}'h{values[0]:x};")
        return
    if not any(values):
        section.add(f"initial for (int i = 0; i < {storage.depth}; i++) {bank.name}[i] = '0;")
        return
    section.add("initial begin")
    row: list[str] = []
    for address, value in enumerate(values):
        row.append(f"{bank.name}[{address}] = {storage.width}'h{value:x};")
        if address == len(values) - 1 or len(" ".join(row)) + len(row[-1]) > 88:
            section.add(" ".join(row), indent=4)
            row = []
    section.add("end")
