"""Vivado's packager, as far as `package.tcl` uses it."""

from pathlib import Path

from m3vit.hls.engine import TOP, Engine
from m3vit.hls.registers import BUS
from m3vit.hls.vivado.interface import SINGLE, register_words

from .interpreter import RefusedError, Tool, elements, existing, options, properties

CORE, FILESET = "core", "fileset sources_1"

_ALLOWED = {
    "file": {"file_type"},
    "fileset": {"top"},
    "core": {"version", "display_name", "description", "core_revision"},
    "parameter": {"value"},
    "interface": {"slave_memory_map_ref"},
    "block": {"range"},
    "register": {"address_offset", "size", "access", "description"},
    "field": {"bit_offset", "bit_width", "access", "description"},
}
_BUS_PARAMETERS = {
    "SUPPORTS_NARROW_BURST",
    "MAX_BURST_LENGTH",
    "NUM_READ_OUTSTANDING",
    "NUM_WRITE_OUTSTANDING",
}


class Packager(Tool):
    """Plays the commands of `package.tcl` for one engine."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        self.files: list[str] = []
        self.set: dict[str, dict[str, str]] = {}
        self.clocked: set[str] = set()
        self.registers: list[str] = []
        self.saved = False

    def do_create_project(self, arguments: list[str]) -> None:
        named, _ = options(arguments, ["-force"])
        if named.get("-part") != self.engine.design.part:
            raise RefusedError(f"the design is for {self.engine.design.part}")

    def do_add_files(self, arguments: list[str]) -> None:
        _, lists = options(arguments, ["-norecurse"])
        self.files = [path for item in lists for path in elements(item)]
        existing(self.files)
        if f"{TOP}.v" not in [Path(path).name for path in self.files]:
            raise RefusedError(f"{TOP}.v is not among the files")

    def do_get_files(self, arguments: list[str]) -> str:
        [path] = arguments
        if path not in self.files:
            raise RefusedError(f"{path} has not been added")
        return f"file {path}"

    def do_current_fileset(self, arguments: list[str]) -> str:
        return FILESET

    def do_update_compile_order(self, arguments: list[str]) -> None:
        if self.set.get(FILESET, {}).get("top") != TOP:
            raise RefusedError(f"the top module is not {TOP}")

    def do_set_property(self, arguments: list[str]) -> None:
        values, target = properties(arguments)
        kind = target.partition(" ")[0]
        unknown = values.keys() - _ALLOWED.get(kind, set())
        if unknown:
            raise RefusedError(f"a {kind} has no property {', '.join(sorted(unknown))}")
        self.set.setdefault(target, {}).update(values)

    # The packager --------------------------------------------------------------------------------

    def do_ipx__package_project(self, arguments: list[str]) -> None:
        named, rest = options(arguments, ["-import_files", "-force"])
        if rest or not {"-root_dir", "-vendor", "-library", "-taxonomy"} <= named.keys():
            raise RefusedError(f"unexpected {' '.join(rest) or 'absence of an option'}")

    def do_ipx__current_core(self, arguments: list[str]) -> str:
        return CORE

    def do_ipx__get_bus_interfaces(self, arguments: list[str]) -> str:
        named, (name,) = options(arguments)
        self._core(named.get("-of_objects", ""))
        return f"interface {name}" if name in self._interfaces() else ""

    def do_ipx__associate_bus_interfaces(self, arguments: list[str]) -> None:
        named, (core,) = options(arguments)
        self._core(core)
        if named["-busif"] not in self._interfaces() or named["-clock"] != "ap_clk":
            raise RefusedError(f"no interface {named['-busif']} or no clock {named['-clock']}")
        self.clocked.add(named["-busif"])

    def do_ipx__get_bus_parameters(self, arguments: list[str]) -> str:
        named, (name,) = options(arguments)
        if not named.get("-of_objects", "").startswith("interface "):
            raise RefusedError("no such interface")
        present = name == "SUPPORTS_NARROW_BURST"  # both cases: one is there, others are not
        return f"parameter {name} of {named['-of_objects']}" if present else ""

    def do_ipx__add_bus_parameter(self, arguments: list[str]) -> str:
        name, interface = arguments
        if name not in _BUS_PARAMETERS or not interface.startswith("interface m_axi_"):
            raise RefusedError(f"{interface} takes no parameter {name}")
        return f"parameter {name} of {interface}"

    def do_ipx__get_memory_maps(self, arguments: list[str]) -> str:
        named, _ = options(arguments)
        self._core(named.get("-of_objects", ""))
        return ""  # the harder case: none was inferred

    def do_ipx__add_memory_map(self, arguments: list[str]) -> str:
        name, core = arguments
        self._core(core)
        return f"map {name}"

    def do_ipx__get_address_blocks(self, arguments: list[str]) -> str:
        named, _ = options(arguments)
        if named.get("-of_objects") != f"map {BUS}":
            raise RefusedError("no such memory map")
        return ""

    def do_ipx__add_address_block(self, arguments: list[str]) -> str:
        name, place = arguments
        if place != f"map {BUS}":
            raise RefusedError("no such memory map")
        return f"block {name}"

    def do_ipx__add_register(self, arguments: list[str]) -> str:
        name, block = arguments
        if not block.startswith("block ") or name in self.registers:
            raise RefusedError(f"cannot add the register {name} to '{block}'")
        self.registers.append(name)
        return f"register {name}"

    def do_ipx__add_field(self, arguments: list[str]) -> str:
        name, register = arguments
        if register.removeprefix("register ") not in self.registers:
            raise RefusedError(f"no {register}")
        return f"field {name} of {register}"

    def do_ipx__create_xgui_files(self, arguments: list[str]) -> None:
        self._core(*arguments)

    def do_ipx__update_checksums(self, arguments: list[str]) -> None:
        self._core(*arguments)

    def do_ipx__check_integrity(self, arguments: list[str]) -> None:
        self._core(*arguments)

    def do_ipx__save_core(self, arguments: list[str]) -> None:
        self._core(*arguments)
        wanted = {BUS, *self.engine.memory_ports()}
        if self.clocked != wanted:
            raise RefusedError(f"without a clock: {', '.join(sorted(wanted - self.clocked))}")
        if self.set.get(f"interface {BUS}", {}).get("slave_memory_map_ref") != BUS:
            raise RefusedError(f"{BUS} has no memory map")
        self._check_registers()
        self.saved = True

    def do_close_project(self, arguments: list[str]) -> None:
        if not self.saved:
            raise RefusedError("the IP has not been saved")

    def _check_registers(self) -> None:
        for name, address, access, _, bits in register_words():
            found = self.set.get(f"register {name}", {})
            if (int(found.get("address_offset", "-1"), 0), found.get("access")) != (
                address,
                access,
            ):
                raise RefusedError(f"register {name} is missing, or not at {address:#x}")
            fields = [self.set[key] for key in self.set if key.endswith(f" of register {name}")]
            if sum(int(field["bit_width"]) for field in fields) != bits:
                raise RefusedError(f"the fields of {name} have not {bits} bits")

    def _interfaces(self) -> list[str]:
        """What Vivado infers from the names of the ports and their attributes."""
        return [*SINGLE, BUS, *self.engine.memory_ports()]

    def _core(self, core: str) -> None:
        if core != CORE:
            raise RefusedError(f"'{core}' is not the core")
