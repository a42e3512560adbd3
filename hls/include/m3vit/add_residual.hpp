/// \file add_residual.hpp
/// The residual stream plus a branch, saturated once.
///
///     residuals  kLanes,  branches  kLanes  ->  sums  kLanes
///
/// One row a cycle, as long as rows come; there is nothing to command. A branch of 18 bits gives
/// the same as an unsaturated one: both ends saturate alike. Also adds position embeddings.
/// Equals `m3vit.model.integer_ops.add_residual`.
#pragma once

#include <hls_stream.h>

#include "m3vit/rounding.hpp"
#include "m3vit/stream.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

template <int kLanes>
void AddResidual(hls::stream<Row<Residual, kLanes>>& residuals,
                 hls::stream<Row<Wide, kLanes>>& branches,
                 hls::stream<Row<Residual, kLanes>>& sums) {
row:
    M3VIT_FOREVER(residuals, false) {
        #pragma HLS PIPELINE II=1
        const Row<Residual, kLanes> residual = residuals.read();
        const Row<Wide, kLanes> branch = branches.read();
        Row<Residual, kLanes> sum;

    lane:
        for (int lane = 0; lane < kLanes; ++lane) {
            sum.lane[lane] = Saturate<16>(ap_int<19>(residual.lane[lane] + branch.lane[lane]));
        }
        sums.write(sum);
    }
}

}  // namespace m3vit
