"""The LLVM passes between clang and the IR reader, in an order made for hardware.

Everything is inlined and unrolled, memory becomes values, and arithmetic narrows to the bits that
matter. Nothing vectorises, and nothing trades operations for code size. The target's data layout
loses its list of native integer widths, so that LLVM does not widen 12-bit sums to 16.
"""

import re
from collections.abc import Sequence

MAX_UNROLLED = 1024
"""Iterations up to which a loop without PIPELINE is unrolled."""

_SIMPLIFY = (
    "sroa<modify-cfg>,early-cse<memssa>,simplifycfg<keep-loops>,instcombine<no-verify-fixpoint>"
)
_INLINE = "internalize,globalopt,globaldce,cgscc(inline),globaldce"
_UNROLL = (
    f"function({_SIMPLIFY},loop-simplify,lcssa,loop-mssa(loop-rotate,licm),indvars,"
    f"loop(loop-deletion,loop-unroll-full),{_SIMPLIFY},bdce,gvn,{_SIMPLIFY})"
)
_POLISH = (
    f"function({_SIMPLIFY},gvn,{_SIMPLIFY},loop-simplify,lcssa,loop-mssa(licm),{_SIMPLIFY},dse,adce,"
    "bdce,aggressive-instcombine,reassociate,early-cse,instcombine<no-verify-fixpoint>,"
    "simplifycfg<speculate-blocks;hoist-common-insts;sink-common-insts;keep-loops>,early-cse,"
    "instcombine<no-verify-fixpoint>,adce,loop-simplify)"
)
_PASSES = f"{_INLINE},{_UNROLL},globalopt,globaldce,{_POLISH},globaldce,strip-dead-prototypes"

_LIMITS = [
    "-inline-threshold=100000000",
    "-inline-cold-callsite-threshold=100000000",
    "-unroll-threshold=100000000",
    f"-unroll-full-max-count={MAX_UNROLLED}",
    f"-unroll-max-iteration-count-to-analyze={MAX_UNROLLED}",
    "-unroll-max-upperbound=0",  # a data-dependent loop stays one, and is refused
    "-speculate-one-expensive-inst=1",
    "-phi-node-folding-threshold=1000",
    "-two-entry-phi-node-folding-threshold=1000",
    "-scev-cheap-expansion-budget=0",
]


def arguments(kept: Sequence[str], release: int) -> list[str]:
    """opt's command line for a release of LLVM; `kept` are the functions that stay visible."""
    passes = _PASSES
    if release < 20:
        # Here sinking joins accesses of different streams; later releases leave volatile ones.
        passes = passes.replace("sink-common-insts;", "")
    return [
        "-S",
        "-",
        "-o",
        "-",
        f"-internalize-public-api-list={','.join(kept)}",
        *_LIMITS,
        f"-passes={passes}",
    ]


def prepare(text: str) -> str:
    """The text that opt gets: data layout without native widths, markers without side effects.

    A marker must not be removed, doubled or moved out of its loop, but it touches no memory that
    a program can see; clang cannot be told so.
    """
    text = re.sub(r'(?m)^(target datalayout = ".*)-n8:16:32:64(.*)', r"\1\2", text, count=1)
    return re.sub(
        r"(?m)^declare .*@(__hls_\w+)\((.*)\).*",
        r"declare void @\1(\2) nounwind willreturn noduplicate nocallback "
        "memory(inaccessiblemem: readwrite)",
        text,
    )
