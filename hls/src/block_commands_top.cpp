/// \file block_commands_top.cpp
/// The commands of a block alone: for synthesis, for RTL simulation and for their test.
#include "m3vit/config.hpp"
#include "m3vit/engine/block_commands.hpp"

void block_commands_top(
    hls::stream<m3vit::Block>& blocks, hls::stream<m3vit::TokenReadCommand>& token_reads,
    hls::stream<m3vit::Passage>& panel_passages, hls::stream<m3vit::PanelCommand>& panel_commands,
    hls::stream<m3vit::Passage>& weight_passages, hls::stream<m3vit::ReplayCommand>& tile_replays,
    hls::stream<m3vit::ReplayCommand>& parameter_replays,
    hls::stream<m3vit::KeyValueReadCommand>& key_value_reads,
    hls::stream<m3vit::MatmulCommand>& matmul_commands, hls::stream<m3vit::Passage>& sum_passages,
    hls::stream<m3vit::SoftmaxCommand>& softmax_commands_0,
    hls::stream<m3vit::SoftmaxCommand>& softmax_commands_1, hls::stream<ap_uint<7>>& attention_rows,
    hls::stream<m3vit::SerialiseCommand>& serialise_commands,
    hls::stream<m3vit::Passage>& row_passages,
    hls::stream<m3vit::RequantiseCommand>& requantise_commands,
    hls::stream<m3vit::AttentionContextCommand>& attention_context_commands,
    hls::stream<m3vit::TokenWriteCommand>& context_writes,
    hls::stream<m3vit::GateCommand>& gate_commands,
    hls::stream<m3vit::RouteCommand>& route_commands, hls::stream<m3vit::Passage>& result_passages,
    hls::stream<m3vit::ActivationCommand>& activation_commands,
    hls::stream<m3vit::Passage>& merge_passages,
    hls::stream<m3vit::TokenWriteCommand>& token_writes,
    hls::stream<m3vit::ResidualWriteCommand>& residual_writes,
    hls::stream<m3vit::KeyValueWriteCommand>& key_value_writes,
    hls::stream<ap_uint<1>>& heartbeat) {
    #pragma HLS INTERFACE mode=axis port=blocks
    #pragma HLS INTERFACE mode=axis port=token_reads
    #pragma HLS INTERFACE mode=axis port=panel_passages
    #pragma HLS INTERFACE mode=axis port=panel_commands
    #pragma HLS INTERFACE mode=axis port=weight_passages
    #pragma HLS INTERFACE mode=axis port=tile_replays
    #pragma HLS INTERFACE mode=axis port=parameter_replays
    #pragma HLS INTERFACE mode=axis port=key_value_reads
    #pragma HLS INTERFACE mode=axis port=matmul_commands
    #pragma HLS INTERFACE mode=axis port=sum_passages
    #pragma HLS INTERFACE mode=axis port=softmax_commands_0
    #pragma HLS INTERFACE mode=axis port=softmax_commands_1
    #pragma HLS INTERFACE mode=axis port=attention_rows
    #pragma HLS INTERFACE mode=axis port=serialise_commands
    #pragma HLS INTERFACE mode=axis port=row_passages
    #pragma HLS INTERFACE mode=axis port=requantise_commands
    #pragma HLS INTERFACE mode=axis port=attention_context_commands
    #pragma HLS INTERFACE mode=axis port=context_writes
    #pragma HLS INTERFACE mode=axis port=gate_commands
    #pragma HLS INTERFACE mode=axis port=route_commands
    #pragma HLS INTERFACE mode=axis port=result_passages
    #pragma HLS INTERFACE mode=axis port=activation_commands
    #pragma HLS INTERFACE mode=axis port=merge_passages
    #pragma HLS INTERFACE mode=axis port=token_writes
    #pragma HLS INTERFACE mode=axis port=residual_writes
    #pragma HLS INTERFACE mode=axis port=key_value_writes
    #pragma HLS INTERFACE mode=axis port=heartbeat
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::BlockCommands<m3vit::kArrayTokens>(
        blocks, token_reads, panel_passages, panel_commands, weight_passages, tile_replays,
        parameter_replays, key_value_reads, matmul_commands, sum_passages, softmax_commands_0,
        softmax_commands_1, attention_rows, serialise_commands, row_passages, requantise_commands,
        attention_context_commands, context_writes, gate_commands, route_commands, result_passages,
        activation_commands, merge_passages, token_writes, residual_writes, key_value_writes,
        heartbeat);
}
