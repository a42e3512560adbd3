/// \file fork.hpp
/// What goes to two places, and what nobody needs.
#pragma once

#include "m3vit/engine/image_command.hpp"
#include "m3vit/pick.hpp"
#include "m3vit/queue.hpp"
#include "m3vit/stream.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

/// An image is cut into patches, and the patches are stored.
inline void ImageFork(hls::stream<ImageCommand>& images, hls::stream<CutPatchesCommand>& cuts,
                      hls::stream<TokenWriteCommand>& writes) {
image:
    M3VIT_FOREVER(images, false) {
        #pragma HLS PIPELINE II=1
        const ImageCommand image = images.read();
        cuts.write(image.cut);
        writes.write(image.write);
    }
}

/// What a gate has chosen is routed, and stored for whoever wants to see it.
inline void PickFork(hls::stream<Pick>& picks, hls::stream<Pick>& routed,
                     hls::stream<Pick>& stored) {
pick:
    M3VIT_FOREVER(picks, false) {
        #pragma HLS PIPELINE II=1
        const Pick pick = picks.read();
        routed.write(pick);
        stored.write(pick);
    }
}

/// Lengths of expert queues decide which weights are fetched and which blocks are computed.
inline void QueueFork(hls::stream<Queue>& queues, hls::stream<Queue>& loader,
                      hls::stream<Queue>& sequencer) {
queue:
    M3VIT_FOREVER(queues, false) {
        #pragma HLS PIPELINE II=1
        const Queue queue = queues.read();
        loader.write(queue);
        sequencer.write(queue);
    }
}

/// Logits of gates are of interest to tests of the gate alone.
inline void DropTrace(hls::stream<Residual>& trace) {
logit:
    M3VIT_FOREVER(trace, false) {
        #pragma HLS PIPELINE II=1
        trace.read();
    }
}

}  // namespace m3vit
