/// \file pick.hpp
/// One expert that the gate chose for one token.
#pragma once

#include <ap_int.h>

namespace m3vit {

struct Pick {
    ap_uint<12> token;
    ap_uint<8> expert;
    ap_uint<4> rank;    ///< 0 is the best expert of the token
    ap_uint<16> score;  ///< 0 ... 32768, which is one
};

}  // namespace m3vit
