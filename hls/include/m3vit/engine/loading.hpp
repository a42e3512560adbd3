/// \file loading.hpp
/// What the loader of weights tells the processes behind it.
#pragma once

#include <ap_int.h>

namespace m3vit {

/// What a chunk of weights in memory holds: words of parameters, then tiles, then bytes without
/// meaning up to a whole line.
struct Contents {
    ap_uint<12> parameters;
    ap_uint<20> tiles;  ///< at least 1
};

/// An expert whose weights are on their way into the rings, or that no further one is.
struct Fetched {
    ap_uint<8> expert;
    ap_uint<1> end;  ///< of this layer; `expert` has no meaning
};

}  // namespace m3vit
