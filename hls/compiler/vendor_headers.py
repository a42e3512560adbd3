"""ap_int and ap_fixed for synthesis: patched copies of the headers in the hls4ml wheel.

The wheel's headers (Apache 2.0) leave out what only the vendor's compiler has; `headers/ap_root.h`
supplies it, and the few lines changed here use it. The copies live in the cache, never in the
repository.
"""

import functools
import hashlib
import importlib.util
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from m3vit.errors import UserError
from m3vit.files import atomic_path, default_root

OWN_HEADERS = Path(__file__).parent / "headers"


@dataclass(frozen=True)
class _Change:
    """Replace `pattern` in `file`, at exactly `count` places."""

    file: str
    count: int
    pattern: str
    replacement: str


_NO_STRINGS = (
    r"INLINE (ap_u?(?:int|fixed))\((const char\* s(?:, signed char rd)?)\)"
    r" : Base\(s(?:, rd)?\) \{\}"
)
_DELETED = r'\1(\2) = delete("[string-number] write numbers, not strings of digits");'

_CHANGES = (
    _Change("ap_common.h", 1, r'#error "The open-source version[^\n]*', "// see ap_root.h"),
    # Nothing of the C library is needed, and it is long.
    _Change("ap_int_special.h", 2, r"#include <cstd(io|lib)>", ""),
    _Change("ap_fixed_special.h", 2, r"#include <cstd(io|lib)>", ""),
    _Change("ap_int.h", 4, _NO_STRINGS, _DELETED),
    _Change("ap_fixed.h", 4, _NO_STRINGS, _DELETED),
    # Objects without a value need no code, and constants no code at run time: that is what makes
    # static and constant arrays plain memories.
    _Change("ap_int.h", 2, r"INLINE (ap_u?int)\(\) : Base\(\) \{\}", r"\1() = default;"),
    _Change("ap_fixed.h", 2, r"INLINE (ap_u?fixed)\(\) : Base\(\) \{\}", r"\1() = default;"),
    _Change("ap_int_base.h", 1, r"INLINE ap_int_base\(\) \{.*?\n  \}", "ap_int_base() = default;"),
    _Change("ap_fixed_base.h", 1, r"INLINE ap_fixed_base\(\) \{\}", "ap_fixed_base() = default;"),
    _Change("ap_int.h", 34, r"INLINE (ap_u?int)\(", r"INLINE constexpr \1("),
    _Change("ap_int_base.h", 15, r"INLINE ap_int_base\(", "INLINE constexpr ap_int_base("),
    # Comparisons follow ap_private, not the conversions of _BitInt.
    _Change("ap_int_base.h", 2, r"Base::V == op2\.V", "ap_root::Equal(Base::V, op2.V)"),
    _Change("ap_int_base.h", 1, r"Base::V < op2\.V", "ap_root::Less(Base::V, op2.V)"),
    _Change("ap_int_base.h", 1, r"Base::V >= op2\.V", "!ap_root::Less(Base::V, op2.V)"),
    _Change("ap_int_base.h", 1, r"Base::V > op2\.V", "ap_root::Less(op2.V, Base::V)"),
    _Change("ap_int_base.h", 1, r"Base::V <= op2\.V", "!ap_root::Less(op2.V, Base::V)"),
    _Change(
        "ap_fixed_base.h",
        1,
        r"return Base::V Sym op2\.V;",
        "return AP_ROOT_COMPARE(Base::V, Sym, op2.V);",
    ),
    _Change(
        "ap_fixed_base.h",
        1,
        r"return Base::V Sym (ap_fixed_base<[^;]*?>)\(op2\)\.V;",
        r"return AP_ROOT_COMPARE(Base::V, Sym, (\1(op2).V));",
    ),
    _Change(
        "ap_fixed_base.h",
        1,
        r"return (ap_fixed_base<[^;]*?>)\(\*this\)\.V Sym op2\.V;",
        r"return AP_ROOT_COMPARE((\1(*this).V), Sym, op2.V);",
    ),
    # Shifting by the width or more is defined.
    _Change(
        "ap_int_base.h",
        1,
        r"r\.V = Base::V << op2\.to_uint\(\);",
        "r.V = AP_ROOT_SHIFT_LEFT(Base::V, op2.to_uint());",
    ),
    _Change(
        "ap_int_base.h",
        1,
        r"r\.V = Base::V >> op2\.to_uint\(\);",
        "r.V = AP_ROOT_SHIFT_RIGHT(Base::V, op2.to_uint());",
    ),
    _Change(
        "ap_int_base.h",
        1,
        r"Base::V <<= op2\.to_uint\(\);",
        "Base::V = AP_ROOT_SHIFT_LEFT(Base::V, op2.to_uint());",
    ),
    _Change(
        "ap_int_base.h",
        1,
        r"Base::V >>= op2\.to_uint\(\);",
        "Base::V = AP_ROOT_SHIFT_RIGHT(Base::V, op2.to_uint());",
    ),
    _Change("ap_int_base.h", 3, r"op\.V << op2\b", "AP_ROOT_SHIFT_LEFT(op.V, op2)"),
    _Change("ap_int_base.h", 3, r"op\.V >> op2\b", "AP_ROOT_SHIFT_RIGHT(op.V, op2)"),
    _Change("ap_int_base.h", 1, r"op\.V << \(-op2\)", "AP_ROOT_SHIFT_LEFT(op.V, -op2)"),
    _Change("ap_int_base.h", 1, r"op\.V >> \(-op2\)", "AP_ROOT_SHIFT_RIGHT(op.V, -op2)"),
    _Change(
        "ap_fixed_base.h",
        1,
        r"r\.V = Base::V << sh;",
        "r.V = AP_ROOT_SHIFT_LEFT(Base::V, sh);",
    ),
    _Change(
        "ap_fixed_base.h",
        1,
        r"r\.V = Base::V >> sh;",
        "r.V = AP_ROOT_SHIFT_RIGHT(Base::V, sh);",
    ),
    _Change(
        "ap_int_base.h",
        1,
        r"typeof\(Base::V\) l_p = Base::V << n;\s*"
        r"typeof\(Base::V\) r_p = Base::V >> \(_AP_W - n\);\s*Base::V = l_p \| r_p;",
        "Base::V = AP_ROOT_ROTATE_LEFT(Base::V, n);",
    ),
    _Change(
        "ap_int_base.h",
        1,
        r"typeof\(Base::V\) l_p = Base::V << \(_AP_W - n\);\s*"
        r"typeof\(Base::V\) r_p = Base::V >> n;\s*Base::V = l_p \| r_p;",
        "Base::V = AP_ROOT_ROTATE_LEFT(Base::V, _AP_W - n);",
    ),
    # Quotients are computed in a type that holds both operands.
    _Change("ap_int_base.h", 1, r"OP_ASSIGN_AP\(/=\)", "AP_ROOT_ASSIGN_DIVIDE(/)"),
    _Change("ap_int_base.h", 1, r"OP_ASSIGN_AP\(%=\)", "AP_ROOT_ASSIGN_DIVIDE(%)"),
    _Change(
        "ap_int_base.h",
        1,
        r"ret\.V = op\.V Sym op2\.V;",
        "ret.V = AP_ROOT_DIVIDE(op.V, Sym, op2.V);",
    ),
    # Bits in falling order.
    _Change(
        "ap_int_base.h",
        3,
        r"_AP_ROOT_op_get_range\((Base::V|this->V), _AP_W - 1, 0\)",
        r"AP_ROOT_REVERSE(\1)",
    ),
)


def vendor_directory() -> Path:
    """Where the hls4ml wheel keeps ap_types.

    Raises:
        UserError: hls4ml is not installed.
    """
    found = importlib.util.find_spec("hls4ml")
    if found is None or found.origin is None:
        raise UserError("hls4ml is missing, whose ap_types headers are used: pip install hls4ml")
    return Path(found.origin).parent / "templates" / "vivado" / "ap_types"


@functools.cache
def synthesis_headers() -> Path:
    """A directory with all headers for synthesis, made on first use.

    Raises:
        UserError: hls4ml is missing, or holds other headers than these changes were made for.
    """
    vendor = vendor_directory()
    sources = sorted(vendor.glob("ap_*.h")) + sorted(OWN_HEADERS.glob("*.h"))
    key = hashlib.sha256(repr(_CHANGES).encode())
    for source in sources:
        key.update(source.read_bytes())
    directory = default_root() / "hls-headers" / key.hexdigest()[:16]
    if not directory.is_dir():
        _build(sources, directory)
    return directory


def _build(sources: Sequence[Path], directory: Path) -> None:
    with atomic_path(directory) as fresh:
        fresh.mkdir()
        for source in sources:
            changes = [change for change in _CHANGES if change.file == source.name]
            if changes:
                text = source.read_text(encoding="utf-8")
                for change in changes:
                    text = _apply(change, text)
                (fresh / source.name).write_text(text, encoding="utf-8")
            else:
                shutil.copyfile(source, fresh / source.name)


def _apply(change: _Change, text: str) -> str:
    changed, count = re.subn(change.pattern, change.replacement, text, flags=re.DOTALL)
    if count != change.count:
        raise UserError(
            f"{change.file} of the installed hls4ml is not the one this compiler was made for "
            f"({change.pattern!r} stands there {count} times, not {change.count}): install the "
            "version that constraints.txt names"
        )
    return changed
