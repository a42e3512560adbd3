"""Beats for kernels under test: extremes first, then random ones with extremes among them."""

from collections.abc import Callable
from random import Random

from m3vit.hls.compiler.ir import Field, Payload
from m3vit.sim.rtl.packing import Bytes, from_integers


def beats(random: Random, payload: Payload, count: int) -> Bytes:
    """Packed words of `count` beats."""
    whole = (1 << payload.width) - 1
    fixed = [0, whole, _each(payload, _lowest), _each(payload, _highest)]
    drawn = [_drawn(random, payload) for _ in range(count - len(fixed))]
    return from_integers([*fixed, *drawn][:count], payload)


def _lowest(field: Field) -> int:
    return 1 << (field.width - 1) if field.signed else 0


def _highest(field: Field) -> int:
    return (1 << (field.width - int(field.signed))) - 1


def _each(payload: Payload, value: Callable[[Field], int]) -> int:
    return sum(value(field) << field.position for field in payload.fields)


def _drawn(random: Random, payload: Payload) -> int:
    if random.random() < 0.5:
        return random.getrandbits(payload.width)
    return _each(payload, lambda field: _number(random, field))


def _number(random: Random, field: Field) -> int:
    """A bit pattern of a field: any, an extreme one, or a small number of either sign."""
    mask = (1 << field.width) - 1
    kind = random.randrange(4)
    if kind == 0:
        return random.choice([_lowest(field), _highest(field), mask, 0, 1 & mask])
    if kind == 1:
        return random.randint(-4, 4) & mask
    return random.getrandbits(field.width)
