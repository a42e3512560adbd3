"""The front end: C++ becomes `ir.Module` with the help of clang and LLVM's optimiser.

`source` finds loops and pragmas in the preprocessed text and turns pragmas into marker calls;
`annotations` reads them back from what clang makes; `value_form` gives functions that stay
functions plain values; `passes` optimises; `lowering` reads the result. `llvm` holds what knows
LLVM's text form.
"""

from .compilation import preprocess, read

__all__ = ["preprocess", "read"]
