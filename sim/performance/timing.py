"""Memory and pipeline delays that the cycle model is given."""

import math
from dataclasses import dataclass

from m3vit.hls.design import DesignConfig

BEAT_BYTES = 16

BURST_BEATS = 16
"""Of a read."""

PORT_BEATS = 128
"""That a read port of the engine may have under way."""

YIELDING_PORTS = 2
"""At whose rate weights come at most while they yield to data."""

PORT_DELAY = 9
"""Cycles in the engine's own read path: splitting into bursts, queue, joining ports."""


@dataclass(frozen=True)
class Ddr:
    """The memory in front of the engine, as `sim.engine.library.Memory` simulates it.

    Attributes:
        bytes_per_cycle: of all ports together, reads and writes.
        latency: cycles from the address of a read to its first beat.
        write_latency: cycles from the last beat of a write to its acknowledgement.
    """

    bytes_per_cycle: float = 50.0
    latency: int = 60
    write_latency: int = 40

    def port_rate(self, ports: int) -> float:
        """Bytes per cycle that read ports reach at this latency."""
        turnaround = self.latency + PORT_DELAY + BURST_BEATS
        return ports * BEAT_BYTES * min(1.0, PORT_BEATS / turnaround)


@dataclass(frozen=True)
class Delays:
    """Cycles from one place of the network to another, with nothing in the way.

    They are sums of the depths of the processes in between, as the compiler reports them, and of
    the queues that join these; measured on the RTL. Only array and LayerNorm get deeper with a
    larger design.

    Attributes:
        start: from the start of a program to the issue of its first instruction.
        issue: from one instruction's issue to the next one's.
        sequence: from an instruction's issue to its first block; `block`: from block to block;
            `instruction`: between instructions.
        ahead: blocks that the sequencer may be ahead of the panel.
        request: from an instruction's issue to its first request for weights; `chunk`: from request
            to request; `read`: in the ports; `alignment`: lost with a chunk when several ports
            deal its blocks of 256 bytes; `credit`: from the last use of a tile to its place.
        weights: from a tile's arrival in the ring to the array. `data`: from an instruction's issue
            to a request for data.
        tiles: from the last word of a block in the panel to the array.
        sums: from the last beat of a sum to its requantised results.
        tokens, residual, key_values: from the last result to the moment at which it can be read
            there. `path`: results that can wait in between. `memory`: to the store unit.
        activation: added by the activation table. `table`: entries of it.
        logit: from a sum to a logit. `softmax`: from a block's last logit to its first weight.
            `panel_weights`: from the last weight to the panel. `context`: from where its result
            would be to a context that can be read.
        residual_gap: cycles that the residual memory loses between two blocks.
        norm: from the first word of a row to its first code, beside the words of the row.
            `norm_rows`: from the last code to the moment at which it can be read. `gate_rows`: from
            the last int16 word to its first byte row in the panel.
        gate: from a token's last logit to its last pick, beside its experts.
        route: from the last pick to the first queue. `queues`: from there to the first block,
            beside two cycles per expert. `expert`: from an expert's first block to its first row.
        acknowledge: of a store, in the engine.
        end: from the last of everything to DONE.
    """

    start: int = 80
    issue: int = 4
    sequence: int = 12
    block: int = 2
    instruction: int = 4
    ahead: int = 12
    request: int = 8
    chunk: int = 12
    read: int = 10
    alignment: int = 6
    credit: int = 8
    weights: int = 12
    data: int = 7
    tiles: int = 5
    sums: int = 19
    tokens: int = 19
    activation: int = 2
    table: int = 256
    residual: int = 19
    key_values: int = 17
    path: int = 10
    memory: int = 6
    logit: int = 17
    softmax: int = 13
    panel_weights: int = 4
    context: int = 13
    residual_gap: int = 8
    norm: int = 50
    norm_rows: int = 14
    gate_rows: int = 4
    gate: int = 40
    route: int = 5
    queues: int = 8
    expert: int = 13
    acknowledge: int = 12
    end: int = 5


def delays_of(design: DesignConfig) -> Delays:
    """The delays of a design."""
    depth = math.ceil(math.log2(max(1, design.array_inputs // 4)))
    lanes = math.ceil(math.log2(design.lanes))
    return Delays(sums=16 + depth, norm=46 + lanes, softmax=9 + lanes)
