/// \file engine_top.cpp
/// The whole engine: every process, every stream, and how deep the streams are.
///
///     program  ->  Dispatch  ->  sequencers  ->  commands of memories and kernels
///     memory  ->  weights, rows, pixels, parameters  ->  ...  ->  results  ->  memory
///
/// docs/engine.md shows the picture and follows an image through it. Nothing here computes. Depths:
/// queues of instructions let the loader of weights run ahead of the array; queues of commands let
/// the front of a pipeline run ahead of its end; a stream of words is two deep where both ends
/// work at the same pace, and as deep as a burst where they do not.
#include "m3vit/activation.hpp"
#include "m3vit/attention_context.hpp"
#include "m3vit/config.hpp"
#include "m3vit/cut_patches.hpp"
#include "m3vit/engine/array_sequencer.hpp"
#include "m3vit/engine/block_commands.hpp"
#include "m3vit/engine/claims.hpp"
#include "m3vit/engine/data_loader.hpp"
#include "m3vit/engine/data_unpack.hpp"
#include "m3vit/engine/dispatch.hpp"
#include "m3vit/engine/fork.hpp"
#include "m3vit/engine/join_sums.hpp"
#include "m3vit/engine/key_value_memory.hpp"
#include "m3vit/engine/loader.hpp"
#include "m3vit/engine/panel_feed.hpp"
#include "m3vit/engine/replay.hpp"
#include "m3vit/engine/residual_memory.hpp"
#include "m3vit/engine/result_router.hpp"
#include "m3vit/engine/row_fork.hpp"
#include "m3vit/engine/row_router.hpp"
#include "m3vit/engine/row_sequencer.hpp"
#include "m3vit/engine/softmax.hpp"
#include "m3vit/engine/split_bytes.hpp"
#include "m3vit/engine/store.hpp"
#include "m3vit/engine/sum_router.hpp"
#include "m3vit/engine/token_memory.hpp"
#include "m3vit/engine/unpack.hpp"
#include "m3vit/engine/weight_feed.hpp"
#include "m3vit/gate.hpp"
#include "m3vit/layer_norm.hpp"
#include "m3vit/matmul_array.hpp"
#include "m3vit/panel.hpp"
#include "m3vit/requantise.hpp"
#include "m3vit/route.hpp"
#include "m3vit/serialise.hpp"

namespace m3vit {

constexpr int kInstructions = 32;  ///< that wait for a sequencer
constexpr int kCommands = 16;      ///< that wait for a unit: blocks between the ends of the array
constexpr int kRequests = 32;      ///< of memory, under way
constexpr int kRowPanelWords = (kMaxWidth + kPanelLanes - 1) / kPanelLanes;
constexpr int kHalf = kArrayTokens / 2;  ///< rows of a softmax
/// Attention weights that wait for their turn. Of the kAttentionLead + 1 blocks under way, the
/// panel takes one and the softmax keeps one until its maxima are known.
constexpr int kWeightWords =
    (kAttentionLead - 1) * kHalf * ((kMaxTokens + kPanelLanes - 1) / kPanelLanes);
/// Logits of a block leave the array up to twice as fast as both softmaxes take them.
constexpr int kLogitTiles = 32;

using Codes = Row<Code, kLanes>;
using Sums = Row<Sum, kLanes>;
using Wides = Row<Wide, kLanes>;
using Residuals = Row<Residual, kLanes>;
using Activations = Row<Activation, kPanelLanes>;
using Parameters = Row<RequantiseParameter, kLanes>;
using WeightTile = Tile<Code, kArrayOutputs, kArrayInputs>;
using ActivationTile = Tile<Activation, kArrayTokens, kArrayInputs>;
using SumTile = Tile<Sum, kArrayTokens, kArrayOutputs>;
using LogitTile = Tile<Sum, kHalf, kArrayOutputs>;

}  // namespace m3vit

void engine_top(
    hls::stream<m3vit::ProgramBeat>& program, hls::stream<m3vit::ReadRequest>& weight_requests,
    hls::stream<m3vit::Row<ap_uint<8>, m3vit::kBeatBytes * m3vit::kReadPorts>>& weight_lines,
    hls::stream<m3vit::ReadRequest>& data_requests,
    hls::stream<m3vit::Row<ap_uint<8>, m3vit::kBeatBytes>>& data_beats,
    hls::stream<m3vit::WriteRequest>& store_requests,
    hls::stream<m3vit::Row<ap_uint<8>, m3vit::kBeatBytes>>& store_beats,
    hls::stream<ap_uint<1>>& store_responses, hls::stream<ap_uint<1>>& heartbeat,
    hls::stream<m3vit::Ending>& ending) {
    #pragma HLS INTERFACE mode=axis port=program
    #pragma HLS INTERFACE mode=axis port=weight_requests
    #pragma HLS INTERFACE mode=axis port=weight_lines
    #pragma HLS INTERFACE mode=axis port=data_requests
    #pragma HLS INTERFACE mode=axis port=data_beats
    #pragma HLS INTERFACE mode=axis port=store_requests
    #pragma HLS INTERFACE mode=axis port=store_beats
    #pragma HLS INTERFACE mode=axis port=store_responses
    #pragma HLS INTERFACE mode=axis port=heartbeat
    #pragma HLS INTERFACE mode=axis port=ending
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return
    #pragma HLS DATAFLOW
    using namespace m3vit;

    // Instructions, and what tells that they are done.
    hls::stream<Dispatched, kInstructions> load_instructions("load_instructions");
    hls::stream<Dispatched, kInstructions> row_instructions("row_instructions");
    hls::stream<Dispatched, kInstructions> array_instructions("array_instructions");
    hls::stream<DataCommand, kInstructions> data_commands("data_commands");
    hls::stream<ImageCommand, 2> image_commands("image_commands");
    hls::stream<ResidualWriteCommand, 2> residual_loads("residual_loads");
    hls::stream<StoreCommand, kInstructions> store_commands("store_commands");
    hls::stream<ap_uint<1>, 2> row_reads_retired("row_reads_retired");
    hls::stream<ap_uint<1>, 2> row_writes_retired("row_writes_retired");
    hls::stream<ap_uint<1>, 2> token_reads_retired("token_reads_retired");
    hls::stream<ap_uint<1>, 2> token_writes_retired("token_writes_retired");
    hls::stream<ap_uint<1>, 2> key_value_reads_retired("key_value_reads_retired");
    hls::stream<ap_uint<1>, 2> key_value_writes_retired("key_value_writes_retired");

    // Weights.
    hls::stream<Contents, kRequests> weight_contents("weight_contents");
    hls::stream<Fetched, kMaxExperts + 1> fetched("fetched");
    hls::stream<Parameters, 2> loaded_parameters("loaded_parameters");
    hls::stream<WeightTile, 2> loaded_tiles("loaded_tiles");
    hls::stream<ap_uint<16>, 2> tile_credits("tile_credits");
    hls::stream<ap_uint<16>, 2> parameter_credits("parameter_credits");
    hls::stream<ReplayCommand, kCommands> tile_replays("tile_replays");
    hls::stream<ReplayCommand, kCommands> parameter_replays("parameter_replays");
    hls::stream<WeightTile, 2> ring_tiles("ring_tiles");
    hls::stream<Parameters, 8> parameters("parameters");

    // Everything else that is read.
    hls::stream<DataContents, kRequests> data_contents("data_contents");
    hls::stream<Row<ap_uint<8>, kLanes>, 2> pixels("pixels");
    hls::stream<Residuals, 2> loaded_rows("loaded_rows");
    hls::stream<AffineRow<kLanes>, 32> affine("affine");
    hls::stream<Code, 512> entries("entries");
    hls::stream<GateParameter, 32> gate_parameters("gate_parameters");

    // Patches.
    hls::stream<CutPatchesCommand, 2> cut_commands("cut_commands");
    hls::stream<TokenWriteCommand, 2> patch_writes("patch_writes");
    hls::stream<Codes, 2> patches("patches");

    // Rows of the residual stream.
    hls::stream<ResidualReadCommand, 4> residual_reads("residual_reads");
    hls::stream<Passage, 4> row_passages("row_passages");
    hls::stream<Passage, 4> wide_passages("wide_passages");
    hls::stream<LayerNormCommand, 4> norm_commands("norm_commands");
    hls::stream<TokenWriteCommand, 4> norm_writes("norm_writes");
    hls::stream<SplitBytesCommand, 4> split_commands("split_commands");
    hls::stream<Residuals, 2> residual_rows("residual_rows");
    hls::stream<Residuals, 2> norm_rows("norm_rows");
    hls::stream<Residuals, 2> raw_rows("raw_rows");
    hls::stream<Residuals, 2> stored_rows("stored_rows");
    hls::stream<Codes, 2> normalised("normalised");
    hls::stream<Residuals, 2> wide_rows("wide_rows");
    hls::stream<Residuals, 2> gate_inputs("gate_inputs");
    hls::stream<Residuals, 2> stored_wide("stored_wide");
    hls::stream<Activations, 4 * kRowPanelWords> gate_rows("gate_rows");

    // Blocks and their commands.
    hls::stream<Block, 2> blocks("blocks");
    hls::stream<TokenReadCommand, 4> token_reads("token_reads");
    hls::stream<Passage, kCommands> panel_passages("panel_passages");
    hls::stream<PanelCommand, kCommands> panel_commands("panel_commands");
    hls::stream<Passage, kCommands> weight_passages("weight_passages");
    hls::stream<KeyValueReadCommand, kCommands> key_value_reads("key_value_reads");
    hls::stream<MatmulCommand, kCommands> matmul_commands("matmul_commands");
    hls::stream<Passage, kCommands> sum_passages("sum_passages");
    hls::stream<SoftmaxCommand, kCommands> softmax_commands_0("softmax_commands_0");
    hls::stream<SoftmaxCommand, kCommands> softmax_commands_1("softmax_commands_1");
    hls::stream<ap_uint<7>, kCommands> attention_rows("attention_rows");
    hls::stream<SerialiseCommand, kCommands> serialise_commands("serialise_commands");
    hls::stream<Passage, kCommands> sum_row_passages("sum_row_passages");
    hls::stream<RequantiseCommand, kCommands> requantise_commands("requantise_commands");
    hls::stream<AttentionContextCommand, kCommands> attention_context_commands(
        "attention_context_commands");
    hls::stream<TokenWriteCommand, kCommands> context_writes("context_writes");
    hls::stream<GateCommand, kCommands> gate_commands("gate_commands");
    hls::stream<RouteCommand, 2> route_commands("route_commands");
    hls::stream<Passage, kCommands> result_passages("result_passages");
    hls::stream<ActivationCommand, kCommands> activation_commands("activation_commands");
    hls::stream<Passage, kCommands> merge_passages("merge_passages");
    hls::stream<TokenWriteCommand, kCommands> result_writes("result_writes");
    hls::stream<ResidualWriteCommand, kCommands> residual_writes("residual_writes");
    hls::stream<KeyValueWriteCommand, kCommands> key_value_writes("key_value_writes");

    // Into the array and out of it.
    hls::stream<Activations, 2> token_rows("token_rows");
    hls::stream<Activations, kWeightWords> weight_rows_0("weight_rows_0");
    hls::stream<Activations, kWeightWords> weight_rows_1("weight_rows_1");
    hls::stream<Activations, 2> panel_rows("panel_rows");
    hls::stream<ActivationTile, 2> activation_tiles("activation_tiles");
    hls::stream<WeightTile, 2> key_value_tiles("key_value_tiles");
    hls::stream<WeightTile, 2> weight_tiles("weight_tiles");
    hls::stream<SumTile, 2> sums("sums");
    hls::stream<LogitTile, kLogitTiles> logit_tiles_0("logit_tiles_0");
    hls::stream<LogitTile, kLogitTiles> logit_tiles_1("logit_tiles_1");
    hls::stream<SumTile, 4> row_tiles("row_tiles");
    hls::stream<AttentionSum, 8 * kHalf> attention_sums_0("attention_sums_0");
    hls::stream<AttentionSum, 8 * kHalf> attention_sums_1("attention_sums_1");
    hls::stream<AttentionSum, 2> attention_sums("attention_sums");
    hls::stream<Sums, 2> row_sums("row_sums");
    hls::stream<Sums, 2> requantise_sums("requantise_sums");
    hls::stream<Sums, 2> context_sums("context_sums");
    hls::stream<Sums, 2> gate_sums("gate_sums");
    hls::stream<Codes, 2> contexts("contexts");
    hls::stream<Wides, 2> results("results");
    hls::stream<Codes, 2> plain_codes("plain_codes");
    hls::stream<Codes, 2> activation_codes("activation_codes");
    hls::stream<Codes, 2> activated_codes("activated_codes");
    hls::stream<Codes, 2> result_codes("result_codes");
    hls::stream<Wides, 4> branches("branches");
    hls::stream<Codes, 2> key_value_codes("key_value_codes");
    hls::stream<Wides, 2> stored_results("stored_results");

    // Experts.
    hls::stream<Pick, 2> picks("picks");
    hls::stream<Pick, 2> routed_picks("routed_picks");
    hls::stream<Pick, 2> stored_picks("stored_picks");
    hls::stream<Residual, 2> gate_trace("gate_trace");
    hls::stream<Queue, 2> queues("queues");
    hls::stream<Queue, 2> loader_queues("loader_queues");
    hls::stream<Queue, 2> sequencer_queues("sequencer_queues");
    hls::stream<RouteOrder, 4> orders("orders");
    hls::stream<ap_uint<12>, 2> expert_tokens("expert_tokens");
    hls::stream<Visit, kMaxTokens> visits("visits");

    M3VIT_PROCESS(Dispatch(program, row_reads_retired, row_writes_retired, token_reads_retired,
                           token_writes_retired, key_value_reads_retired, key_value_writes_retired,
                           store_responses, load_instructions, data_commands, row_instructions,
                           array_instructions, image_commands, residual_loads, store_commands,
                           ending));

    M3VIT_PROCESS(
        Loader<kLanes, kArrayOutputs, kArrayInputs, kWeightTiles, kParameterWords, kMaxExperts>(
            load_instructions, loader_queues, tile_credits, parameter_credits, weight_requests,
            weight_contents, fetched));
    M3VIT_PROCESS(Unpack<kBeatBytes * kReadPorts, kLanes, kArrayOutputs, kArrayInputs>(
        weight_contents, weight_lines, loaded_parameters, loaded_tiles));
    M3VIT_PROCESS(ReplayTiles<kArrayOutputs, kArrayInputs, kWeightTiles>(loaded_tiles, tile_replays,
                                                                         ring_tiles, tile_credits));
    M3VIT_PROCESS(ReplayParameters<Parameters, kParameterWords>(
        loaded_parameters, parameter_replays, parameters, parameter_credits));

    M3VIT_PROCESS(DataLoader(data_commands, data_requests, data_contents));
    M3VIT_PROCESS(DataUnpack<kLanes>(data_contents, data_beats, pixels, loaded_rows, affine,
                                     entries, gate_parameters));

    M3VIT_PROCESS(ImageFork(image_commands, cut_commands, patch_writes));
    M3VIT_PROCESS(CutPatches<kLanes, kMaxStripBytes, kMaxChannels>(cut_commands, pixels, patches));

    M3VIT_PROCESS(RowSequencer(row_instructions, residual_reads, row_passages, norm_commands,
                               norm_writes, wide_passages, split_commands));
    M3VIT_PROCESS(ResidualMemory<kLanes, kResidualWords, kArrayTokens>(
        residual_loads, loaded_rows, residual_writes, branches, visits, residual_reads,
        residual_rows, row_reads_retired, row_writes_retired));
    M3VIT_PROCESS(RowFork<kLanes>(row_passages, residual_rows, norm_rows, raw_rows, stored_rows));
    M3VIT_PROCESS(
        LayerNorm<kLanes, kMaxWidth>(norm_commands, affine, norm_rows, normalised, wide_rows));
    M3VIT_PROCESS(WideFork<kLanes>(wide_passages, wide_rows, raw_rows, gate_inputs, stored_wide));
    M3VIT_PROCESS(
        SplitBytes<kLanes, kPanelLanes, kRowPanelWords>(split_commands, gate_inputs, gate_rows));

    M3VIT_PROCESS(ArraySequencer<kArrayTokens, kPanelLanes / kLanes, kMaxExperts>(
        array_instructions, sequencer_queues, fetched, blocks, orders));
    M3VIT_PROCESS(BlockCommands<kArrayTokens>(
        blocks, token_reads, panel_passages, panel_commands, weight_passages, tile_replays,
        parameter_replays, key_value_reads, matmul_commands, sum_passages, softmax_commands_0,
        softmax_commands_1, attention_rows, serialise_commands, sum_row_passages,
        requantise_commands, attention_context_commands, context_writes, gate_commands,
        route_commands, result_passages, activation_commands, merge_passages, result_writes,
        residual_writes, key_value_writes, heartbeat));

    M3VIT_PROCESS(TokenMemory<kLanes, kPanelLanes, kTokenWords>(
        token_reads, expert_tokens, norm_writes, normalised, patch_writes, patches, result_writes,
        result_codes, context_writes, contexts, token_rows, token_reads_retired,
        token_writes_retired));
    M3VIT_PROCESS(KeyValueMemory<kLanes, kArrayInputs, kKeyValueTiles>(
        key_value_writes, key_value_codes, key_value_reads, key_value_tiles,
        key_value_reads_retired, key_value_writes_retired));

    M3VIT_PROCESS(PanelFeed<kPanelLanes>(panel_passages, token_rows, gate_rows, panel_rows));
    M3VIT_PROCESS(ActivationPanel<kArrayTokens, kArrayInputs, kPanelLanes, kMaxBeats>(
        panel_commands, panel_rows, weight_rows_0, weight_rows_1, activation_tiles));
    M3VIT_PROCESS(WeightFeed<kArrayOutputs, kArrayInputs>(weight_passages, ring_tiles,
                                                          key_value_tiles, weight_tiles));
    M3VIT_PROCESS(MatmulArray<kArrayTokens, kArrayInputs, kArrayOutputs>(
        matmul_commands, activation_tiles, weight_tiles, sums));
    M3VIT_PROCESS(SumRouter<kArrayTokens, kLanes>(sum_passages, sums, logit_tiles_0, logit_tiles_1,
                                                  row_tiles));

    M3VIT_PROCESS(Softmax<kHalf, kLanes, kPanelLanes, kMaxTokens>(softmax_commands_0, logit_tiles_0,
                                                                  weight_rows_0, attention_sums_0));
    M3VIT_PROCESS(Softmax<kHalf, kLanes, kPanelLanes, kMaxTokens>(softmax_commands_1, logit_tiles_1,
                                                                  weight_rows_1, attention_sums_1));
    M3VIT_PROCESS(
        JoinSums<kArrayTokens>(attention_rows, attention_sums_0, attention_sums_1, attention_sums));

    M3VIT_PROCESS(Serialise<kArrayTokens, kLanes>(serialise_commands, row_tiles, row_sums));
    M3VIT_PROCESS(
        RowRouter<kLanes>(sum_row_passages, row_sums, requantise_sums, context_sums, gate_sums));
    M3VIT_PROCESS(AttentionContext<kLanes, kArrayTokens>(attention_context_commands, context_sums,
                                                         attention_sums, contexts));
    M3VIT_PROCESS(Requantise(requantise_commands, requantise_sums, parameters, results));
    M3VIT_PROCESS(ResultRouter<kLanes>(result_passages, results, plain_codes, activation_codes,
                                       branches, key_value_codes, stored_results));
    M3VIT_PROCESS(
        ActivationTable<kLanes>(activation_commands, entries, activation_codes, activated_codes));
    M3VIT_PROCESS(ResultMerge<kLanes>(merge_passages, plain_codes, activated_codes, result_codes));

    M3VIT_PROCESS(Gate<kLanes, kArrayTokens / 2, kMaxExperts, kMaxExpertsPerToken>(
        gate_commands, gate_parameters, gate_sums, picks, gate_trace));
    M3VIT_PROCESS(DropTrace(gate_trace));
    M3VIT_PROCESS(PickFork(picks, routed_picks, stored_picks));
    M3VIT_PROCESS(Route<kMaxTokens, kMaxExpertsPerToken, kMaxExperts>(
        route_commands, routed_picks, orders, queues, expert_tokens, visits));
    M3VIT_PROCESS(QueueFork(queues, loader_queues, sequencer_queues));

    M3VIT_PROCESS(Store<kLanes>(store_commands, stored_rows, stored_results, stored_wide,
                                stored_picks, store_requests, store_beats));
}
