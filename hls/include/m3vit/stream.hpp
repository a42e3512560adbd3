/// \file stream.hpp
/// How a kernel's process runs for ever, and how processes run side by side.
///
///     M3VIT_FOREVER(commands, busy) { ... }        the loop of a free-running process
///     M3VIT_PROCESS(Route<kExperts>(in, out));     one process of a DATAFLOW function
///
/// In synthesis these are `while (true)` and the plain call. A C simulation has to end: there the
/// loop runs while `busy` (the process is inside a command) or a command is still to come.
/// Without M3VIT_THREADS processes run to their end one after another, in the order in which they
/// are written; with it each is a thread (hls/csim/network.hpp).
#pragma once

#include <hls_stream.h>

#ifdef __SYNTHESIS__

#define M3VIT_FOREVER(commands, busy) while (true)
#define M3VIT_PROCESS(...) __VA_ARGS__

#else

#define M3VIT_FOREVER(commands, busy) while ((busy) || m3vit::more(commands))

namespace m3vit {

/// True if one of the streams holds an item, now or (in a threaded simulation) in the end.
template <typename... Streams>
bool more(Streams&... streams) {
#ifdef M3VIT_THREADS
    return csim::Network::Current().WaitForWork({&streams.queue()...});
#else
    return (!streams.empty() || ...);
#endif
}

}  // namespace m3vit

#ifdef M3VIT_THREADS
#define M3VIT_PROCESS(...) m3vit::csim::Network::Current().Start([&] { __VA_ARGS__; })
#else
#define M3VIT_PROCESS(...) __VA_ARGS__
#endif

#endif
