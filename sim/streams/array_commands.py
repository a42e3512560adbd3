"""What the units on the array's path are told for a sequence of instructions."""

import itertools
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import (
    TO_KEYS,
    TO_MEMORY,
    TO_RESIDUAL,
    TO_TOKENS,
    Instruction,
)

Record = dict[str, Any]

ATTENTION_LEAD = 5
"""Blocks of logits between those of some queries and their context."""

GATE_LAG = 4
"""Blocks of a MATMUL from those that make some rows to those of their gate."""

HIDDEN_BITS, EXPERT_BITS = 8, 16

FROM_TOKENS, FROM_GATE_ROWS = range(2)
FROM_RING, FROM_KEY_VALUES = range(2)
TO_BOTH_HALVES, TO_FIRST_HALF, TO_ROWS = range(3)
TO_REQUANTISE, TO_CONTEXT, TO_GATE = range(3)
WAY_TOKENS, WAY_ACTIVATION, WAY_RESIDUAL, WAY_KEY_VALUES, WAY_STORE = range(5)
KEYS, VALUES = range(2)
ADD, SCATTER = 1, 2


class Command(NamedTuple):
    """A payload of one stream of `block_commands`, or of `orders` of `array_sequencer`."""

    stream: str
    payload: Any


Step = list[Command]
"""All that one block of rows needs."""


@dataclass(frozen=True)
class ArrayInstruction:
    """An instruction as the sequencer of the array gets it.

    Attributes:
        instruction: TABLE, MATMUL, ATTENTION, GATE or EXPERTS.
        counts: `after`, `second_after`, `reads`, `second_reads`, `writes`, `second_writes`.
        lengths: of EXPERTS: expert -> tokens in its queue, for all experts that take part.
        fetched: of EXPERTS: experts whose weights come, in order.
        trails: of a GATE: it may follow the MATMUL in front block by block.
    """

    instruction: Instruction
    counts: Mapping[str, int]
    lengths: Mapping[int, int] = field(default_factory=dict)
    fetched: Sequence[int] = ()
    trails: bool = False

    def dispatched(self) -> Record:
        """The payload of stream `instructions`."""
        content = self.instruction.encode()
        words = [int.from_bytes(content[at : at + 8], "little") for at in range(0, 32, 8)]
        return {"word": words, **self.counts, "trails": int(self.trails)}


def array_commands(
    design: DesignConfig, program: Sequence[ArrayInstruction]
) -> dict[str, list[Any]]:
    """Payloads of all streams of `block_commands`, and of `orders`, for a program."""
    streams: dict[str, list[Any]] = {}
    for step in _steps(design, program):
        for stream, payload in step:
            streams.setdefault(stream, []).append(payload)
    return streams


def _steps(design: DesignConfig, program: Sequence[ArrayInstruction]) -> Iterator[Step]:
    pairs = zip(program, [*program[1:], None], strict=True)
    begun = 0  # blocks of a GATE that came between those of the MATMUL in front
    for (name, *_), group in itertools.groupby(pairs, lambda pair: _flow(pair[0])):
        if name == "ATTENTION":
            heads = [item for item, _ in group]
            logits = [step for head in heads for step in _logits(design, head)]
            contexts = [step for head in heads for step in _contexts(design, head)]
            yield from _delayed(logits, contexts)
            continue
        for item, behind in group:
            if name == "TABLE":
                yield [
                    Command("activation_commands", {"load": 1, "rows": 0}),
                    Command("heartbeat", 1),
                ]
            elif name == "MATMUL" and behind is not None and behind.trails:
                begun = yield from _trailed(design, item, behind)
            elif name == "MATMUL":
                yield from _matmul(design, item)
            elif name == "GATE":
                yield from _gate(design, item)[begun:]
                begun = 0
            else:
                yield from _experts(design, item)


def _flow(item: ArrayInstruction) -> tuple[Any, ...]:
    """What neighbours have in common that the sequencer runs through: heads of the same queries."""
    name = item.instruction.name
    if name != "ATTENTION":
        return (name,)
    return name, item.instruction["domain"], item.counts["after"]


def _delayed(first: Sequence[Step], second: Sequence[Step]) -> Iterator[Step]:
    """Steps of both in turn, the second ones some steps behind."""
    for place, step in enumerate(first):
        yield step
        if place >= ATTENTION_LEAD:
            yield second[place - ATTENTION_LEAD]
    yield from second[max(len(first) - ATTENTION_LEAD, 0) :]


def _trailed(
    design: DesignConfig, item: ArrayInstruction, gate: ArrayInstruction
) -> Generator[Step, None, int]:
    """A MATMUL, and blocks of the GATE behind it between its own; returns how many."""
    fields = item.instruction
    steps = list(_matmul(design, item))
    gates = _gate(design, gate, skip=fields["groups"] * fields["beats"])[:-1]
    blocks = len(steps) // fields["chunks"]
    begun = 0
    for place, step in enumerate(steps, blocks - len(steps)):
        yield step
        if GATE_LAG <= place < blocks - 1:
            yield from gates[begun : begun + 2]
            begun = min(begun + 2, len(gates))
    return begun


def _row_blocks(rows: int, size: int) -> Iterable[tuple[int, int]]:
    """First row and number of rows of every block."""
    return [(first, min(size, rows - first)) for first in range(0, rows, size)]


def _array(
    rows: int,
    words: int,
    beats: int,
    groups: int,
    panel_way: int | None,
    *,
    key_values: bool = False,
    sum_way: int = TO_ROWS,
) -> Step:
    """From the panel to the first fork behind the array; no way: rows are attention weights."""
    weight_way = FROM_KEY_VALUES if key_values else FROM_RING
    interleaved = int(panel_way is None)
    step = [
        Command(
            "panel_commands",
            {"tokens": rows, "words": words, "repeats": groups, "interleaved": interleaved},
        ),
        Command("weight_passages", {"way": weight_way, "words": groups * beats}),
        Command("matmul_commands", {"sums": groups, "beats": beats}),
        Command("sum_passages", {"way": sum_way, "words": groups}),
        Command("heartbeat", 1),
    ]
    if panel_way is not None:
        step.append(Command("panel_passages", {"way": panel_way, "words": rows * words}))
    return step


def _rows(rows: int, groups: int, way: int) -> Step:
    """Rows of sums to the next fork."""
    return [
        Command("serialise_commands", {"sweeps": groups, "tokens": rows}),
        Command("row_passages", {"way": way, "words": rows * groups}),
    ]


def _replay(words: int, *, send: bool, release: bool, skip: int = 0) -> Record:
    return {"words": words, "send": int(send), "release": int(release), "skip": skip}


def _order(rows: int, groups: int) -> Record:
    return {"groups": 1, "group": rows, "words": groups}


def _product(
    source: Record,
    size: tuple[int, int, int, int],
    *,
    release: bool,
    zero_point: int,
    bits: int,
    way: int,
) -> Step:
    """Rows of the token memory times weights of the ring, up to the fork of the results.

    Args:
        source: domain, order, place and gathered of the read.
        size: rows, words, beats, groups.
    """
    rows, words, beats, groups = size
    step = [
        Command("token_reads", {**source, "rows": rows, "words": words}),
        *_array(rows, words, beats, groups, FROM_TOKENS),
        Command("tile_replays", _replay(groups * beats, send=True, release=release)),
        Command("parameter_replays", _replay(groups, send=True, release=release)),
        *_rows(rows, groups, TO_REQUANTISE),
        Command(
            "requantise_commands",
            {"words": groups, "rows": rows, "zero_point": zero_point, "bits": bits},
        ),
        Command("result_passages", {"way": way, "words": rows * groups}),
    ]
    if way == WAY_ACTIVATION:
        step.append(Command("activation_commands", {"load": 0, "rows": rows * groups}))
    if way in (WAY_TOKENS, WAY_ACTIVATION):
        step.append(Command("merge_passages", {"way": way, "words": rows * groups}))
    return step


def _matmul(design: DesignConfig, item: ArrayInstruction) -> Iterator[Step]:
    fields, counts = item.instruction, item.counts
    blocks = list(_row_blocks(fields["rows"], design.array_tokens))
    ways = {TO_TOKENS: WAY_TOKENS, TO_RESIDUAL: WAY_RESIDUAL, TO_MEMORY: WAY_STORE}
    way = ways.get(fields["destination"], WAY_KEY_VALUES)
    if fields["activate"] and way == WAY_TOKENS:
        way = WAY_ACTIVATION
    for chunk, (first, rows) in itertools.product(range(fields["chunks"]), blocks):
        last_rows = first + rows == fields["rows"]
        last_chunk = chunk == fields["chunks"] - 1
        source = {
            "domain": fields["domain"],
            "order": {
                "after": counts["after"],
                "need": first + rows,
                "last": int(last_rows and last_chunk),
            },
            "place": {
                "base": fields["base"] + first * fields["stride"],
                "stride": fields["stride"],
            },
            "gathered": 0,
        }
        step = _product(
            source,
            (rows, fields["words"], fields["beats"], fields["groups"]),
            release=last_rows,
            zero_point=fields["zero_point"],
            bits=fields["bits"],
            way=way,
        )
        order = {
            "reads": counts["reads"],
            "first": int(chunk == 0 and first == 0),
            "completes": int(last_chunk),
            "last": int(last_rows and last_chunk),
            "writes": counts["writes"],
        }
        words = _order(rows, fields["groups"])
        offset = chunk * fields["groups"]
        if fields["destination"] == TO_TOKENS:
            base = fields["to_base"] + first * fields["to_stride"]
            write = {
                "domain": fields["to_domain"],
                "order": order,
                "place": {"base": base, "stride": fields["to_stride"]},
                "offset": offset,
                "rows": words,
            }
            step.append(Command("token_writes", write))
        elif fields["destination"] == TO_RESIDUAL:
            write = {
                "action": ADD,
                "bank": fields["bank"],
                "order": order,
                "first": fields["first"] + first,
                "stride": fields["to_stride"],
                "offset": offset,
                "rows": words,
            }
            step.append(Command("residual_writes", write))
        elif fields["destination"] != TO_MEMORY:
            write = {
                "memory": KEYS if fields["destination"] == TO_KEYS else VALUES,
                "order": order,
                "base": fields["to_base"],
                "head_tiles": fields["to_stride"],
                "step": fields["step"],
                "head_words": fields["head_words"],
                "token": fields["first"] + first,
                "rows": words,
            }
            step.append(Command("key_value_writes", write))
        yield step


def _logits(design: DesignConfig, item: ArrayInstruction) -> Iterator[Step]:
    fields, counts = item.instruction, item.counts
    groups = fields["key_groups"]
    for first, rows in _row_blocks(fields["rows"], design.array_tokens):
        read = {
            "domain": fields["domain"],
            "order": {
                "after": counts["after"],
                "need": first + rows,
                "last": int(first + rows == fields["rows"]),
            },
            "place": {
                "base": fields["base"] + first * fields["stride"],
                "stride": fields["stride"],
            },
            "rows": rows,
            "words": fields["words"],
            "gathered": 0,
        }
        keys = {
            "memory": KEYS,
            "order": {"after": counts["second_after"], "need": 0, "last": 0},
            "base": fields["key_base"],
            "tiles": groups * fields["beats"],
        }
        half = design.array_tokens // 2
        shares = [min(rows, half)] + [rows - half] * (rows > half)
        step = [
            Command("token_reads", read),
            Command("key_value_reads", keys),
            *_array(
                rows,
                fields["words"],
                fields["beats"],
                groups,
                FROM_TOKENS,
                key_values=True,
                sum_way=TO_FIRST_HALF if len(shares) == 1 else TO_BOTH_HALVES,
            ),
            Command("attention_rows", rows),
        ]
        for number, share in enumerate(shares):
            command = {
                "rows": share,
                "words": groups,
                "keys": fields["keys"],
                "multiplier": fields["logit_multiplier"],
                "shift": fields["logit_shift"],
            }
            step.append(Command(f"softmax_commands_{number}", command))
        yield step


def _contexts(design: DesignConfig, item: ArrayInstruction) -> Iterator[Step]:
    fields, counts = item.instruction, item.counts
    groups = fields["value_groups"]
    words = -(-fields["key_groups"] * design.lanes // design.panel_lanes)
    for first, rows in _row_blocks(fields["rows"], design.array_tokens):
        last = int(first + rows == fields["rows"])
        values = {
            "memory": VALUES,
            "order": {"after": counts["second_after"], "need": 0, "last": last},
            "base": fields["value_base"],
            "tiles": groups * fields["value_beats"],
        }
        normalise = {
            "groups": 1,
            "group": rows,
            "words": groups,
            "multiplier": fields["multiplier"],
            "shift": fields["shift"],
            "zero_point": fields["zero_point"],
        }
        write = {
            "domain": fields["to_domain"],
            "order": {
                "reads": counts["reads"],
                "first": int(first == 0),
                "completes": 1,
                "last": last,
                "writes": counts["writes"],
            },
            "place": {
                "base": fields["to_base"] + first * fields["to_stride"],
                "stride": fields["to_stride"],
            },
            "offset": fields["to_offset"],
            "rows": _order(rows, groups),
        }
        yield [
            Command("key_value_reads", values),
            *_array(
                rows,
                words,
                fields["value_beats"],
                groups,
                None,
                key_values=True,
            ),
            *_rows(rows, groups, TO_CONTEXT),
            Command("attention_context_commands", normalise),
            Command("context_writes", write),
        ]


def _gate(design: DesignConfig, item: ArrayInstruction, skip: int = 0) -> list[Step]:
    """Every token is two rows of the array; `skip` tiles stay in front of the weights."""
    fields, steps = item.instruction, []
    groups, experts = fields["groups"], fields["last"] - fields["first"]
    for first, tokens in _row_blocks(fields["rows"], design.array_tokens // 2):
        choice = {
            "token": first,
            "groups": 1,
            "group": tokens,
            "experts": fields["experts"],
            "words": groups,
            "first": fields["first"],
            "last": fields["last"],
            "kept": fields["kept"],
            "normalise_kept": fields["normalise_kept"],
            "prune_threshold": fields["prune_threshold"],
            "load": int(first == 0),
            "trace": 0,
        }
        release = first + tokens == fields["rows"]
        step = [
            *_array(2 * tokens, fields["words"], fields["beats"], groups, FROM_GATE_ROWS),
            Command(
                "tile_replays",
                _replay(groups * fields["beats"], send=True, release=release, skip=skip),
            ),
            *_rows(2 * tokens, groups, TO_GATE),
            Command("gate_commands", choice),
        ]
        if first == 0:
            route = {"picks": fields["pick_count"], "first": fields["first"], "experts": experts}
            step.append(Command("route_commands", route))
        steps.append(step)
    return steps


def _experts(design: DesignConfig, item: ArrayInstruction) -> Iterator[Step]:
    visited = [expert for expert in item.fetched if item.lengths[expert]]
    hidden = 0  # rows of the experts in front
    for expert in item.fetched:
        if expert not in visited:
            for part in ("up", "down"):
                yield _dropped(item.instruction, part)
            continue
        yield [Command("orders", {"expert": expert, "end": 0})]
        turn = _Turn(expert == visited[0], expert == visited[-1], hidden)
        blocks = _row_blocks(item.lengths[expert], design.array_tokens)
        for first, rows in blocks:
            yield _up(item, turn, first, rows, last=first + rows == item.lengths[expert])
        for first, rows in blocks:
            yield _down(item, turn, first, rows, last=first + rows == item.lengths[expert])
        hidden += item.lengths[expert]
    yield [Command("orders", {"expert": 0, "end": 1})]


class _Turn(NamedTuple):
    """An expert among those that have tokens; `hidden`: rows of those in front."""

    first: bool
    last: bool
    hidden: int


def _dropped(fields: Instruction, part: str) -> Step:
    groups = fields[f"{part}_groups"]
    tiles = groups * fields[f"{part}_beats"]
    return [
        Command("tile_replays", _replay(tiles, send=False, release=True)),
        Command("parameter_replays", _replay(groups, send=False, release=True)),
        Command("heartbeat", 1),
    ]


def _up(item: ArrayInstruction, turn: _Turn, first: int, rows: int, *, last: bool) -> Step:
    fields, counts = item.instruction, item.counts
    ends = int(last and turn.last)
    source = {
        "domain": fields["domain"],
        "order": {"after": counts["after"], "need": fields["rows"], "last": ends},
        "place": {"base": fields["base"], "stride": fields["stride"]},
        "gathered": 1,
    }
    write = {
        "domain": fields["hidden_domain"],
        "order": {
            "reads": counts["second_reads"],
            "first": int(turn.first and first == 0),
            "completes": 1,
            "last": ends,
            "writes": counts["second_writes"],
        },
        "place": {
            "base": fields["hidden_base"] + first * fields["hidden_stride"],
            "stride": fields["hidden_stride"],
        },
        "offset": 0,
        "rows": _order(rows, fields["up_groups"]),
    }
    step = _product(
        source,
        (rows, fields["up_words"], fields["up_beats"], fields["up_groups"]),
        release=last,
        zero_point=fields["zero_point"],
        bits=HIDDEN_BITS,
        way=WAY_ACTIVATION,
    )
    return [*step, Command("token_writes", write)]


def _down(item: ArrayInstruction, turn: _Turn, first: int, rows: int, *, last: bool) -> Step:
    fields, counts = item.instruction, item.counts
    ends = int(last and turn.last)
    source = {
        "domain": fields["hidden_domain"],
        "order": {
            "after": counts["second_after"],
            "need": turn.hidden + first + rows,
            "last": ends,
        },
        "place": {
            "base": fields["hidden_base"] + first * fields["hidden_stride"],
            "stride": fields["hidden_stride"],
        },
        "gathered": 0,
    }
    write = {
        "action": SCATTER,
        "bank": fields["bank"],
        "order": {
            "reads": counts["reads"],
            "first": int(turn.first and first == 0),
            "completes": 0,
            "last": ends,
            "writes": counts["writes"],
        },
        "first": fields["to_first"],
        "stride": fields["residual_words"],
        "offset": 0,
        "rows": _order(rows, fields["down_groups"]),
    }
    step = _product(
        source,
        (rows, fields["down_words"], fields["down_beats"], fields["down_groups"]),
        release=last,
        zero_point=0,
        bits=EXPERT_BITS,
        way=WAY_RESIDUAL,
    )
    return [*step, Command("residual_writes", write)]
