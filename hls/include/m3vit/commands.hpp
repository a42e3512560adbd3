/// \file commands.hpp
/// How a process works through its commands without losing a cycle between two of them.
///
/// A process is one endless pipelined loop; a command is some nested loops of it, flattened. What
/// a cycle does depends on registers only: one command waits ahead of its use, and whether a loop
/// is in its last iteration is known one cycle early. Counts in commands are at least one.
#pragma once

#include <ap_int.h>
#include <hls_stream.h>

namespace m3vit {

/// The command behind the present one.
template <typename Command>
struct NextCommand {
    bool ready = false;
    Command command;

    /// Call once per cycle, after `command` has been looked at; `taken`: it is under way now.
    void Fetch(hls::stream<Command>& commands, bool taken) {
        #pragma HLS INLINE
        if (taken || !ready) {
            ready = !commands.empty();
            if (ready) command = commands.read();
        }
    }
};

/// A loop that counts down.
template <int kBits>
struct Countdown {
    ap_uint<kBits> left = 1;  ///< iterations, with the present one
    bool last = true;         ///< this is the last one

    void Start(ap_uint<kBits> count) {
        #pragma HLS INLINE
        left = count;
        last = count == 1;
    }
    void Step() {
        #pragma HLS INLINE
        last = left == 2;
        left--;
    }
};

/// Two nested loops.
template <int kOuter, int kInner>
struct LoopNest {
    bool running = false;
    Countdown<kOuter> outer;
    Countdown<kInner> inner;
    ap_uint<kInner> inner_count;

    /// After the present cycle another command can start.
    bool Ends() const {
        #pragma HLS INLINE
        return !running || (outer.last && inner.last);
    }
    void Start(ap_uint<kOuter> outer_iterations, ap_uint<kInner> inner_iterations) {
        #pragma HLS INLINE
        running = true;
        outer.Start(outer_iterations);
        inner.Start(inner_iterations);
        inner_count = inner_iterations;
    }
    /// To the next iteration, or out of the loops behind the last one.
    void Step() {
        #pragma HLS INLINE
        running = !Ends();
        if (inner.last) outer.Step();
        RepeatInner();
    }
    /// The same without the outer loop: behind its last iteration the inner one starts again.
    void RepeatInner() {
        #pragma HLS INLINE
        if (inner.last) {
            inner.Start(inner_count);
        } else {
            inner.Step();
        }
    }
};

}  // namespace m3vit
