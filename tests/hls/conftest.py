"""The ladder that every kernel climbs: the same streams through one simulation after another."""

import functools

import numpy as np
import pytest

from m3vit.hls.design import DesignConfig
from m3vit.hls.kernels import compile_kernel
from m3vit.host.image import default_photograph, load_image
from m3vit.model.golden import vectors
from m3vit.model.reference import Reference
from m3vit.model.shipped import find_model
from m3vit.sim.csim import kernels
from m3vit.sim.rtl import stalls
from m3vit.sim.rtl.bench import run_bench
from m3vit.sim.rtl.harness import Target


@pytest.fixture(scope="session")
def nano():
    """The small design."""
    return DesignConfig.load("nano")


@pytest.fixture(scope="session")
def zcu104():
    """The large design."""
    return DesignConfig.load("zcu104")


def payloads(kernel, design, stream, values):
    """A stream's payloads from an array (of its only field) or a mapping field -> array.

    An array with the stream's fields is taken as it is.
    """
    dtype = kernels.stream_types(kernel, design)[stream].dtype
    if dtype.names is None:
        return np.asarray(values, dtype)
    if isinstance(values, np.ndarray) and values.dtype.names is not None:
        return values.astype(dtype)
    fields = values if isinstance(values, dict) else {dtype.names[0]: values}
    assert set(fields) == set(dtype.names)
    items = np.zeros(len(next(iter(fields.values()))), dtype)
    for name, value in fields.items():
        items[name] = value
    return items


def assert_equal(kernel, design, expected, found):
    """Every field of every stream that is expected, and no other stream."""
    assert set(found) == set(expected)
    for stream, values in expected.items():
        wanted = payloads(kernel, design, stream, values)
        for name in wanted.dtype.names or (...,):
            np.testing.assert_array_equal(found[stream][name], wanted[name], stream)


@pytest.fixture(scope="session")
def target(tmp_path_factory):
    """The RTL of a kernel for a design; compiled once."""

    @functools.cache
    def compiled(kernel, design):
        directory = tmp_path_factory.mktemp(f"{kernel}-{design.name}")
        return Target.of(compile_kernel(kernel, design), directory)

    return compiled


@pytest.fixture(scope="session")
def ladder(target):
    """Run a kernel on the same streams on every rung and compare with what is expected.

    Streams are given as an array (the only field of their payload) or as a mapping from field
    to array. Large designs skip the threaded simulation, which tells nothing about sizes.

    With `rtl` the compiled hardware runs too, under the given patterns of stalls; True stands for
    stalls off, on and adversarial. The result is then what happened on every stream in the first
    of these runs.
    """

    def climb(kernel, design, inputs, expected, rtl=False):
        given = {name: payloads(kernel, design, name, v) for name, v in inputs.items()}
        for threads in (False, True) if design.name == "nano" else (False,):
            found = kernels.run(kernel, design, given, threads=threads)
            assert_equal(kernel, design, expected, found)
        if not rtl:
            return None
        wanted = {name: payloads(kernel, design, name, v) for name, v in expected.items()}
        if rtl is True:
            rtl = (stalls.NONE, stalls.RANDOM[0], *stalls.adversarial(given))
        runs = [
            run_bench(target(kernel, design), given, None, wanted, pattern, engine="native")
            for pattern in rtl
        ]
        return runs[0].streams

    return climb


@pytest.fixture(scope="session")
def golden():
    """Calls of an operation in the shipped network, on a photograph and on stress codes."""
    network = Reference(find_model("m3vit-nano-int8"))
    pixels = load_image(default_photograph(), network.model.image_size).pixels
    calls = list(vectors(network, pixels))

    def of(operation):
        found = [call for call in calls if call.operation == operation]
        assert found
        return found

    return of
