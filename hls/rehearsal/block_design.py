"""Vivado's IP integrator and its runs, as far as block_design.tcl and bitstream.tcl use them."""

from pathlib import Path

from m3vit.hls.engine import Engine
from m3vit.hls.registers import BUS
from m3vit.hls.vivado.names import VLNV

from .cells import CATALOGUE, HPM0_FPD, INTERRUPTS, PRESET, PS, SLAVES, SMARTCONNECT, Cell
from .interpreter import RefusedError, Tool, elements, existing, options, properties

_PROPERTIES = {
    "project": {"board_part", "ip_repo_paths"},
    "fileset": {"top"},
    "block design": {"synth_checkpoint_mode"},
    "run synth_1": {"strategy"},
    "run impl_1": {"strategy"},
}
"""Objects of a project, and the properties that the scripts may set."""


class Integrator(Tool):
    """Plays the commands of both scripts for one engine."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        self.cells: dict[str, Cell] = {}
        self.drivers: dict[str, str] = {}  # pin -> what drives it
        self.peers: dict[str, str] = {}  # interface -> interface
        self.addresses: dict[str, str] = {}  # segment -> address, or master -> port of the DRAM
        self.set: dict[str, dict[str, str]] = {}
        self.validated = False

    # Project -------------------------------------------------------------------------------------

    def do_get_board_parts(self, arguments: list[str]) -> str:
        _, (pattern,) = options(arguments, ["-quiet"])
        if not pattern.startswith("xilinx.com:zcu104:part0:"):
            raise RefusedError(f"no board {pattern}")
        return "xilinx.com:zcu104:part0:1.0 xilinx.com:zcu104:part0:1.1"

    def do_create_project(self, arguments: list[str]) -> None:
        named, _ = options(arguments, ["-force"])
        if named.get("-part") != self.engine.design.part:
            raise RefusedError(f"the design is for {self.engine.design.part}")

    def do_current_project(self, arguments: list[str]) -> str:
        return "project"

    def do_current_fileset(self, arguments: list[str]) -> str:
        return "fileset"

    def do_update_ip_catalog(self, arguments: list[str]) -> None:
        if "ip_repo_paths" not in self.set.get("project", {}):
            raise RefusedError("there is nothing to add to the catalogue")

    def do_update_compile_order(self, arguments: list[str]) -> None:
        options(arguments)

    def do_set_property(self, arguments: list[str]) -> None:
        values, target = properties(arguments)
        if target.startswith("/"):
            cell = self.cells[target[1:]]
            for name, value in values.items():
                cell.check_parameter(name.removeprefix("CONFIG."))
                cell.parameters[name.removeprefix("CONFIG.")] = value
        elif target == "project" and "ip_repo_paths" in values:
            existing([values["ip_repo_paths"]])
        elif target not in _PROPERTIES or values.keys() - _PROPERTIES[target]:
            raise RefusedError(f"there is no '{target}' with {', '.join(values)}")
        self.set.setdefault(target, {}).update(values)

    # Block design --------------------------------------------------------------------------------

    def do_create_bd_design(self, arguments: list[str]) -> None:
        [name] = arguments
        self.set["design"] = {"name": name}

    def do_create_bd_cell(self, arguments: list[str]) -> str:
        named, (name,) = options(arguments)
        if named.get("-type") != "ip" or named.get("-vlnv") not in CATALOGUE:
            raise RefusedError(f"the catalogue has no {named.get('-vlnv')}")
        if name in self.cells:
            raise RefusedError(f"there is a cell {name} already")
        self.cells[name] = Cell(named["-vlnv"])
        return f"/{name}"

    def do_apply_bd_automation(self, arguments: list[str]) -> None:
        named, (cell,) = options(arguments)
        if named["-rule"] != "xilinx.com:bd_rule:zynq_ultra_ps_e":
            raise RefusedError(f"no rule {named['-rule']}")
        if elements(named["-config"]) != ["apply_board_preset", "1"]:
            raise RefusedError("the board's preset is wanted")
        self.cells[cell[1:]].parameters.update(PRESET)

    def do_get_bd_pins(self, arguments: list[str]) -> str:
        [path] = arguments
        cell, _, pin = path.partition("/")
        if cell not in self.cells or pin not in self.cells[cell].pins():
            raise RefusedError(f"no pin {path}")
        return path

    def do_get_bd_intf_pins(self, arguments: list[str]) -> str:
        [path] = arguments
        cell, _, name = path.partition("/")
        if cell not in self.cells or name not in self.cells[cell].interfaces(self.engine):
            raise RefusedError(f"no interface {path}")
        return path

    def do_connect_bd_net(self, arguments: list[str]) -> None:
        driver, *driven = arguments
        if self._pin(driver) != "out":
            raise RefusedError(f"{driver} is no output")
        for pin in driven:
            if self._pin(pin) == "out" or pin in self.drivers:
                raise RefusedError(f"{pin} is driven already")
            self.drivers[pin] = driver

    def do_connect_bd_intf_net(self, arguments: list[str]) -> None:
        master, slave = arguments
        if (self._role(master), self._role(slave)) != ("master", "slave"):
            raise RefusedError(f"{master} and {slave} are not a master and a slave")
        for end, other in ((master, slave), (slave, master)):
            if end in self.peers:
                raise RefusedError(f"{end} is connected already")
            self.peers[end] = other

    def do_get_bd_addr_spaces(self, arguments: list[str]) -> str:
        [path] = arguments
        cell, _, name = path.partition("/")
        if (self._vlnv(cell) == PS and name == "Data") or self._role(path) == "master":
            return path
        raise RefusedError(f"no address space {path}")

    def do_get_bd_addr_segs(self, arguments: list[str]) -> str:
        [path] = arguments
        cell, _, name = path.partition("/")
        if self._vlnv(cell) == PS:
            enabled = self.cells[cell].interfaces(self.engine)
            if name in [segment for port, _, segment in SLAVES.values() if port in enabled]:
                return path
        elif name == {VLNV: f"{BUS}/reg0", INTERRUPTS: "S_AXI/Reg"}.get(self._vlnv(cell)):
            return path
        raise RefusedError(f"no segment {path}")

    def do_assign_bd_address(self, arguments: list[str]) -> None:
        named, (segment,) = options(arguments)
        space = named["-target_address_space"]
        cell, _, name = space.partition("/")
        if self._vlnv(cell) == PS:
            offset, size = int(named["-offset"], 0), int(named["-range"], 0)
            if offset not in HPM0_FPD or offset + size - 1 not in HPM0_FPD or offset % size:
                raise RefusedError(f"{offset:#x} is not behind M_AXI_HPM0_FPD, or not aligned")
            if size < 4096 or size & (size - 1):
                raise RefusedError(f"a range of {size} bytes is not to be had")
            if f"{offset:#x}" in self.addresses.values():
                raise RefusedError(f"{offset:#x} is taken")
            self.addresses[segment] = f"{offset:#x}"
        else:
            port = next(port for port, _, part in SLAVES.values() if segment.endswith(part))
            reached = self._through(f"{cell}/{name}")
            if reached.partition("/")[2] != port:
                raise RefusedError(f"{space} goes to {reached}, not to {port}")
            self.addresses[space] = port

    def do_validate_bd_design(self, arguments: list[str]) -> None:
        for name, cell in self.cells.items():
            for pin, direction in cell.pins().items():
                if direction == "in" and f"{name}/{pin}" not in self.drivers:
                    raise RefusedError(f"{name}/{pin} is not connected")
            for interface in cell.interfaces(self.engine):
                if f"{name}/{interface}" not in self.peers:
                    raise RefusedError(f"{name}/{interface} is not connected")
            if cell.vlnv == VLNV:
                for master in self.engine.memory_ports():
                    if f"{name}/{master}" not in self.addresses:
                        raise RefusedError(f"{name}/{master} has no addresses")
                if f"{name}/irq" not in self.drivers.values():
                    raise RefusedError("the interrupt goes nowhere")
            segment = {VLNV: f"{name}/{BUS}/reg0", INTERRUPTS: f"{name}/S_AXI/Reg"}.get(cell.vlnv)
            if segment is not None and segment not in self.addresses:
                raise RefusedError(f"{segment} has no address")
        if VLNV not in [cell.vlnv for cell in self.cells.values()]:
            raise RefusedError("there is no engine in the design")
        self.validated = True

    def do_save_bd_design(self, arguments: list[str]) -> None:
        if not self.validated:
            raise RefusedError("the design has not been validated")

    # Runs ----------------------------------------------------------------------------------------

    def do_get_files(self, arguments: list[str]) -> str:
        [name] = arguments
        if name != f"{self.set['design']['name']}.bd":
            raise RefusedError(f"no file {name}")
        return "block design"

    def do_make_wrapper(self, arguments: list[str]) -> str:
        named, _ = options(arguments, ["-top"])
        if named.get("-files") != "block design":
            raise RefusedError("only a block design has a wrapper")
        return f"{self.set['design']['name']}_wrapper.v"

    def do_add_files(self, arguments: list[str]) -> None:
        _, (name,) = options(arguments, ["-norecurse"])
        self.set["wrapper"] = {"module": Path(name).stem}

    def do_get_runs(self, arguments: list[str]) -> str:
        [name] = arguments
        if name not in ("synth_1", "impl_1"):
            raise RefusedError(f"no run {name}")
        return f"run {name}"

    def do_launch_runs(self, arguments: list[str]) -> None:
        named, _ = options(arguments)
        if named.get("-to_step") != "write_bitstream" or int(named["-jobs"]) < 1:
            raise RefusedError("no bitstream would be written")
        if self.set.get("fileset", {}).get("top") != self.set["wrapper"]["module"]:
            raise RefusedError("the top module is not the design's wrapper")

    def do_wait_on_run(self, arguments: list[str]) -> None:
        self.do_get_runs(arguments)

    def do_open_run(self, arguments: list[str]) -> None:
        self.do_get_runs(arguments)

    def do_get_property(self, arguments: list[str]) -> str:
        name, target = arguments
        answers = {"PROGRESS": "100%", "STATUS": "write_bitstream Complete!", "DIRECTORY": "runs"}
        if target != "run impl_1" or name not in answers:
            raise RefusedError(f"{target} has no {name}")
        return answers[name]

    def do_report_timing_summary(self, arguments: list[str]) -> None:
        self._report(arguments)

    def do_report_utilization(self, arguments: list[str]) -> None:
        self._report(arguments)

    def do_report_power(self, arguments: list[str]) -> None:
        self._report(arguments)

    def do_file_mkdir(self, arguments: list[str]) -> None:
        self.set["output"] = {"directory": arguments[0]}

    def do_file_copy(self, arguments: list[str]) -> None:
        _, (_, target) = options(arguments, ["-force"])
        self._output(target)

    def do_close_project(self, arguments: list[str]) -> None:
        return

    # What the commands share ---------------------------------------------------------------------

    def written(self) -> list[str]:
        """Names of the files in the output directory."""
        return sorted(self.set.get("written", {}))

    def _report(self, arguments: list[str]) -> None:
        named, rest = options(arguments, ["-hierarchical"])
        if rest:
            raise RefusedError(f"unexpected {' '.join(rest)}")
        self._output(named["-file"])

    def _output(self, path: str) -> None:
        if str(Path(path).parent) != self.set.get("output", {}).get("directory"):
            raise RefusedError(f"{path} is not in the output directory")
        self.set.setdefault("written", {})[Path(path).name] = path

    def _vlnv(self, cell: str) -> str:
        return self.cells[cell].vlnv if cell in self.cells else ""

    def _pin(self, path: str) -> str:
        cell, _, pin = path.partition("/")
        return self.cells[cell].pins()[pin]

    def _role(self, path: str) -> str:
        cell, _, name = path.partition("/")
        return self.cells[cell].interfaces(self.engine).get(name, "") if cell in self.cells else ""

    def _through(self, master: str) -> str:
        """The slave that a master reaches, by way of SmartConnects."""
        slave = self.peers.get(master, "nothing/")
        cell, _, name = slave.partition("/")
        if self._vlnv(cell) == SMARTCONNECT:
            return self._through(f"{cell}/M{name[1:]}")
        return slave
