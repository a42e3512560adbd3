"""From a C++ file to `ir.Module`: preprocess, mark, compile, rewrite, optimise, read."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from m3vit.errors import UserError
from m3vit.hls.compiler import ir, toolchain
from m3vit.hls.compiler.diagnostics import HlsError
from m3vit.hls.compiler.toolchain import Toolchain
from m3vit.hls.compiler.vendor_headers import synthesis_headers

from . import annotations, clang, lowering, passes, source, value_form
from .annotations import Annotations
from .llvm import parser
from .llvm.debug_info import DebugInfo
from .llvm.unoptimised import RawFunction, Unoptimised
from .places import shorten
from .signature import CallSite, KeptFunction, is_stream
from .source import Source


def read(
    path: Path,
    top: str,
    defines: Mapping[str, str] | None = None,
    include: Sequence[Path] = (),
) -> ir.Module:
    """Compile a C++ file up to the IR.

    Args:
        path: the file. top: name of a function in it, without namespaces.
        defines: macros. include: directories with the kernels' headers.

    Raises:
        HlsError: C++ that does not compile, or that has no hardware here.
        UserError: missing tools or files.
    """
    tools = toolchain.find()
    scanned = source.scan(_preprocessed(tools, path, defines, include))
    unoptimised = clang.compile_text(tools, scanned.text, scanned.files)
    return _Compilation(tools, scanned, unoptimised, top, path).run()


def preprocess(
    path: Path, defines: Mapping[str, str] | None = None, include: Sequence[Path] = ()
) -> str:
    """Everything that decides what `read` makes of a file, except for the compiler itself.

    The arguments and errors are those of `read`. The vendor's headers are not in the text; what
    they are is its last line.
    """
    tools = toolchain.find()
    text = _preprocessed(tools, path, defines, include)
    return f"{text}// {synthesis_headers().name}, LLVM {tools.version}\n"


def _preprocessed(
    tools: Toolchain, path: Path, defines: Mapping[str, str] | None, include: Sequence[Path]
) -> str:
    if not path.is_file():
        raise UserError(f"{path} does not exist: name a C++ file")
    return clang.preprocess(tools, path, defines or {}, include)


class _Compilation:
    """One translation unit on its way from clang's output to the IR."""

    def __init__(self, tools: Toolchain, scanned: Source, text: str, top: str, path: Path) -> None:
        self.tools = tools
        self.source = scanned
        self.top = top
        self.path = path
        self.module = Unoptimised(text)
        self.debug = DebugInfo(
            parser.parse("\n".join(self.module.after), ()).metadata,
            shorten,
            scanned.files.__contains__,
        )
        self.calls: dict[str, list[CallSite]] = {}
        self.kept: dict[str, KeptFunction] = {}

    def run(self) -> ir.Module:
        top = self.find_top()
        try:
            reachable = self.module.reachable(top)
        except RecursionError as error:
            raise HlsError(
                "recursion",
                f"{self.readable(str(error))} calls itself: use a loop",
                self.location(str(error)),
            ) from None
        for name in reachable:
            for call in self.module.functions[name].calls:
                self.calls.setdefault(call.callee, []).append((self.module.functions[name], call))
        notes = annotations.collect(self.module, self.debug, self.source, reachable)
        wrappers: list[str] = []
        for name, kind in self.kinds(top, reachable, notes).items():
            function = self.module.functions[name]
            symbol = f"hls.{kind}.{len(self.kept)}"
            kept, wrapper = value_form.rewrite(
                self.module, self.debug, function, kind, symbol, self.calls.get(name, [])
            )
            self.kept[symbol] = kept
            wrappers += wrapper if name != top else []
        prepared = passes.prepare(self.module.render(wrappers))
        public = [kept.symbol for kept in self.kept.values() if kept.kind != "module"]
        optimised = self.tools.run(
            self.tools.opt, passes.arguments(public, self.tools.major), prepared
        )
        return lowering.lower(optimised, self.kept, notes, self.source)

    def find_top(self) -> str:
        """LLVM name of the function that was asked for."""
        wanted = self.top.split("::")[-1]
        found = [
            name
            for name, function in self.module.functions.items()
            if function.debug >= 0
            and self.debug.node(function.debug).text("name") == wanted
            and self.is_users(name)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            raise HlsError(
                "top",
                f"{len(found)} functions are called {self.top}: give the top function a name of "
                "its own",
                self.location(found[1]),
            )
        raise HlsError(
            "top",
            f"{self.path} defines no function {self.top}: name one that is neither static, inline "
            "nor a template",
        )

    def kinds(self, top: str, reachable: Sequence[str], notes: Annotations) -> dict[str, str]:
        """Which functions stay functions, and as what; callees first."""
        networks: set[str] = set()
        for name in reachable:  # a function that calls a network can only be one
            callees = {call.callee for call in self.module.functions[name].calls}
            if notes.of(name).dataflow or callees & networks:
                networks.add(name)
        kinds: dict[str, str] = {}
        for name in reachable:
            about = notes.of(name)
            callers = {caller.name for caller, _ in self.calls.get(name, [])}
            if name in networks:
                kinds[name] = "network"
            elif name == top or (callers & networks and self.is_users(name)):
                kinds[name] = "process"
            elif about.kept and not self.takes_stream(name):
                kinds[name] = "module"
            if about.interfaces and name not in kinds:
                raise HlsError(
                    "interface",
                    f"{self.readable(name)} becomes part of its caller and has no ports: move "
                    "INTERFACE pragmas to the top function",
                    about.interfaces[0].location,
                )
            if about.pipelined and kinds.get(name) != "module":
                raise HlsError(
                    "pragma-place",
                    "#pragma HLS PIPELINE stands in no loop: put it into the loop; a function that "
                    "runs for ever has while (true)",
                    about.pipelined,
                )
        return kinds

    def is_users(self, name: str) -> bool:
        return self.debug.scope_file(self.module.functions[name].debug) in self.source.files

    def takes_stream(self, name: str) -> bool:
        function = self.module.functions[name]
        _, types = self.debug.parameter_types(self.debug.node(function.debug))
        return any(of.element is not None and is_stream(of.element) for of in types)

    def readable(self, name: str) -> str:
        return self.debug.node(self.module.functions[name].debug).text("name") or name

    def location(self, name: str) -> ir.Location | None:
        function: RawFunction = self.module.functions[name]
        return self.debug.line_of(self.debug.node(function.debug))
