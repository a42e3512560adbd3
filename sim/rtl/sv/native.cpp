// Runs a bench to its end: `+run=<directory>`, and `+waves=<file>` in a model built with traces.

#include <cstdio>
#include <memory>
#include <string>

#include "Vbench.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_fst_c.h"
#endif

int main(int argc, char** argv) {
    auto context = std::make_unique<VerilatedContext>();
    context->commandArgs(argc, argv);
#if VM_TRACE
    context->traceEverOn(true);
#endif
    auto bench = std::make_unique<Vbench>(context.get());
#if VM_TRACE
    const std::string option = "+waves=";
    const std::string waves = context->commandArgsPlusMatch(option.c_str() + 1);
    VerilatedFstC trace;
    bench->trace(&trace, 99);
    trace.open(waves.substr(option.size()).c_str());
#endif
    while (!context->gotFinish()) {
        bench->clk = !bench->clk;
        bench->eval();
#if VM_TRACE
        trace.dump(context->time());
#endif
        context->timeInc(5);
    }
    bench->final();
#if VM_TRACE
    trace.close();
#endif
    return 0;
}
