"""LLVM IR in text form, of exactly the releases that `toolchain` accepts, as Python objects."""
