"""SystemVerilog identifiers for names from C++; both sides of a port come to the same one."""

import re

_WORDS = """
accept_on alias always always_comb always_ff always_latch and assert assign assume automatic
before begin bind bins binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle
checker class clocking cmos config const constraint context continue cover covergroup
coverpoint cross deassign default defparam design disable dist do edge else end endcase
endchecker endclass endclocking endconfig endfunction endgenerate endgroup endinterface
endmodule endpackage endprimitive endprogram endproperty endsequence endspecify endtable
endtask enum event eventually expect export extends extern final first_match for force foreach
forever fork forkjoin function generate genvar global highz0 highz1 if iff ifnone ignore_bins
illegal_bins implements implies import incdir include initial inout input inside instance int
integer interconnect interface intersect join join_any join_none large let liblist library
local localparam logic longint macromodule matches medium modport module nand negedge nettype
new nexttime nmos nor noshowcancelled not notif0 notif1 null or output package packed parameter
pmos posedge primitive priority program property protected pull0 pull1 pulldown pullup
pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase randsequence rcmos real
realtime ref reg reject_on release repeat restrict return rnmos rpmos rtran rtranif0 rtranif1
s_always s_eventually s_nexttime s_until s_until_with scalared sequence shortint shortreal
showcancelled signed small soft solve specify specparam static string strong strong0 strong1
struct super supply0 supply1 sync_accept_on sync_reject_on table tagged task this throughout
time timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand trior trireg type typedef
union unique unique0 unsigned until until_with untyped use uwire var vectored virtual void wait
wait_order wand weak weak0 weak1 while wildcard wire with within wor xnor xor
atomic_cancel atomic_commit atomic_noexcept bit_vector cdecl concept const_iterator huge interrupt
near pascal requires sc_clock sc_in sc_inout sc_out sc_signal sensitive sensitive_neg
sensitive_pos synchronized transaction_safe transaction_safe_dynamic type_info
clk rst_n ap_start ap_done ap_idle ap_ready irq
"""
RESERVED = frozenset(_WORDS.split())
"""Words of IEEE 1800-2017, words that Verilator refuses, ports that every module may have."""


def legal(name: str) -> str:
    """An identifier: `lane[3].sum` becomes `lane_3_sum`, and `reg` becomes `reg_`."""
    word = re.sub(r"\W+", "_", name).strip("_")
    if not word or word[0].isdigit():
        word = f"n{word}"
    return f"{word}_" if word in RESERVED else word


class Names:
    """The identifiers of one module: hands out each only once."""

    def __init__(self, taken: frozenset[str] = frozenset()) -> None:
        self._taken = set(taken)
        self._last: dict[str, int] = {}

    def unique(self, name: str) -> str:
        """`legal(name)`, with a number behind it if that is taken; taken from now on."""
        wanted = word = legal(name)
        number = self._last.get(wanted, 0)
        while word in self._taken:
            number += 1
            word = f"{wanted}_{number}"
        self._last[wanted] = number
        self._taken.add(word)
        return word
