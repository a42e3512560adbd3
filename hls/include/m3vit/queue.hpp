/// \file queue.hpp
/// The queues of a layer's experts: how long they are, and the order in which they are wanted.
#pragma once

#include <ap_int.h>

namespace m3vit {

/// How many tokens have chosen an expert.
struct Queue {
    ap_uint<8> expert;
    ap_uint<12> length;
};

/// List the queue of an expert, or no further one of this layer.
struct RouteOrder {
    ap_uint<8> expert;
    ap_uint<1> end;  ///< no further queue is wanted; `expert` has no meaning
};

}  // namespace m3vit
