/// \file loader.hpp
/// Fetches the weights of all instructions into two rings, ahead of the array.
///
///     instructions, queues, places  ->  requests, contents of what they ask for, experts
///
/// Two processes: load_plan.hpp computes how large the chunks are, load_requests.hpp asks for
/// them. Memory is kept busy as long as the rings have room for the next chunk: at `zcu104` they
/// hold 2 MiB, which is 32,768 cycles at the full rate of the ports.
#pragma once

#include "m3vit/engine/load_plan.hpp"
#include "m3vit/engine/load_requests.hpp"
#include "m3vit/engine/memory_commands.hpp"

namespace m3vit {

/// \tparam kTiles       places of the ring of tiles
/// \tparam kParameters  places of the ring of parameters
template <int kLanes, int kOutputs, int kInputs, int kTiles, int kParameters, int kMaxExperts>
void Loader(hls::stream<Dispatched>& instructions, hls::stream<Queue>& queues,
            hls::stream<ap_uint<16>>& tile_credits, hls::stream<ap_uint<16>>& parameter_credits,
            hls::stream<ReadRequest>& requests, hls::stream<Contents>& contents,
            hls::stream<Fetched>& fetched) {
    #pragma HLS DATAFLOW
    hls::stream<LoadPlan, 2> plans("plans");

    M3VIT_PROCESS(PlanLoads<kLanes * kParameterBytes, kOutputs * kInputs>(instructions, plans));
    M3VIT_PROCESS(RequestLoads<kTiles, kParameters, kMaxExperts>(
        plans, queues, tile_credits, parameter_credits, requests, contents, fetched));
}

}  // namespace m3vit
