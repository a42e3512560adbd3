/// \file visit.hpp
/// One token in the queue of one expert.
#pragma once

#include <ap_int.h>

namespace m3vit {

struct Visit {
    ap_uint<12> token;
    ap_uint<16> score;  ///< 0 ... 32768, which is one
};

}  // namespace m3vit
