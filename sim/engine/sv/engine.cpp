// A simulated engine with its memory, as functions for Python.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "Vengine_bench.h"
#include "svdpi.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_fst_c.h"
#endif

namespace {

struct Memory {
    uint8_t* bytes;
    std::string fault;  // the first thing that AXI4 forbids
};

Memory& memory_of(unsigned long long storage) {
    return *reinterpret_cast<Memory*>(storage);
}

class Engine {
  public:
    Engine(uint64_t size, uint64_t seed) {
        // Fresh pages are zero and cost nothing until they are used.
        memory_.bytes = static_cast<uint8_t*>(std::calloc(size, 1));
        context_.randReset(2);
        context_.randSeed(static_cast<int>(seed % 0x7fffffff) + 1);
#if VM_TRACE
        context_.traceEverOn(true);
#endif
        top_ = new Vengine_bench{&context_};
        top_->storage = reinterpret_cast<uint64_t>(&memory_);
        top_->size = size;
        top_->seed = seed;
    }

    ~Engine() {
        top_->final();
#if VM_TRACE
        trace_.close();
#endif
        delete top_;
        std::free(memory_.bytes);
    }

    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    void Open(const char* waves) {
#if VM_TRACE
        top_->trace(&trace_, 99);
        trace_.open(waves);
#else
        (void)waves;
#endif
    }

    void Reset() {
        top_->ap_rst_n = 0;
        top_->s_axi_control_awvalid = 0;
        top_->s_axi_control_wvalid = 0;
        top_->s_axi_control_bready = 1;
        top_->s_axi_control_arvalid = 0;
        top_->s_axi_control_rready = 1;
        Step(8);
        top_->ap_rst_n = 1;
        Step(4);
    }

    void Step(uint64_t cycles) {
        while (cycles-- > 0) {
            Settle();
            Edge();
        }
    }

    void Write(uint32_t address, uint32_t value) {
        top_->s_axi_control_awaddr = address;
        top_->s_axi_control_wdata = value;
        top_->s_axi_control_wstrb = 15;
        top_->s_axi_control_awvalid = 1;
        top_->s_axi_control_wvalid = 1;
        bool answered = false;
        while (!answered) {
            Settle();
            const bool address_taken = top_->s_axi_control_awready;
            const bool data_taken = top_->s_axi_control_wready;
            answered = top_->s_axi_control_bvalid;
            Edge();
            if (address_taken) top_->s_axi_control_awvalid = 0;
            if (data_taken) top_->s_axi_control_wvalid = 0;
        }
    }

    uint32_t Read(uint32_t address) {
        top_->s_axi_control_araddr = address;
        top_->s_axi_control_arvalid = 1;
        while (true) {
            Settle();
            const bool taken = top_->s_axi_control_arready;
            const bool answered = top_->s_axi_control_rvalid;
            const uint32_t value = top_->s_axi_control_rdata;
            Edge();
            if (taken) top_->s_axi_control_arvalid = 0;
            if (answered) return value;
        }
    }

    Vengine_bench& top() { return *top_; }
    Memory& memory() { return memory_; }
    uint64_t cycles() const { return cycles_; }

  private:
    /// The half of a cycle in which inputs that were just set take effect.
    void Settle() {
        top_->ap_clk = 0;
        top_->eval();
        Dump();
    }

    void Edge() {
        top_->ap_clk = 1;
        top_->eval();
        Dump();
        cycles_++;
    }

    void Dump() {
#if VM_TRACE
        if (trace_.isOpen()) trace_.dump(context_.time());
#endif
        context_.timeInc(1);
    }

    VerilatedContext context_;
    Memory memory_;
    Vengine_bench* top_;
    uint64_t cycles_ = 0;
#if VM_TRACE
    VerilatedFstC trace_;
#endif
};

}  // namespace

extern "C" {

/// Behaviour of the memory; the same fields in library.py.
struct Settings {
    uint64_t base;
    uint32_t read_latency;
    uint32_t write_latency;
    uint32_t bandwidth;
    uint32_t bandwidth_cycles;
    uint32_t stalls;
    int64_t failing_read;
    int64_t failing_write;
};

Engine* m3vit_create(uint64_t size, uint64_t seed) {
    return new Engine(size, seed);
}

void m3vit_destroy(Engine* engine) {
    delete engine;
}

void m3vit_configure(Engine* engine, const Settings* settings) {
    Vengine_bench& top = engine->top();
    top.base = settings->base;
    top.read_latency = settings->read_latency;
    top.write_latency = settings->write_latency;
    top.bandwidth = settings->bandwidth;
    top.bandwidth_cycles = settings->bandwidth_cycles;
    top.stalls = settings->stalls;
    top.failing_read = settings->failing_read;
    top.failing_write = settings->failing_write;
}

void m3vit_open_waves(Engine* engine, const char* path) {
    engine->Open(path);
}

void m3vit_reset(Engine* engine) {
    engine->Reset();
}

uint8_t* m3vit_memory(Engine* engine) {
    return engine->memory().bytes;
}

const char* m3vit_fault(Engine* engine) {
    return engine->memory().fault.c_str();
}

uint64_t m3vit_cycles(Engine* engine) {
    return engine->cycles();
}

int m3vit_interrupt(Engine* engine) {
    return engine->top().irq;
}

void m3vit_step(Engine* engine, uint64_t cycles) {
    engine->Step(cycles);
    std::fflush(stdout);
}

uint32_t m3vit_read(Engine* engine, uint32_t address) {
    return engine->Read(address);
}

void m3vit_write(Engine* engine, uint32_t address, uint32_t value) {
    engine->Write(address, value);
}

/// Whether one of the `bits` of a register rises within `limit` cycles; looks every `interval`.
int m3vit_run_until(Engine* engine, uint32_t address, uint32_t bits, uint64_t interval,
                    uint64_t limit) {
    const uint64_t end = engine->cycles() + limit;
    bool risen = (engine->Read(address) & bits) != 0;
    while (!risen && engine->cycles() < end) {
        engine->Step(interval);
        risen = (engine->Read(address) & bits) != 0;
    }
    std::fflush(stdout);
    return risen;
}

// What axi_ddr.sv calls.

void m3vit_ddr_read(unsigned long long storage, unsigned long long offset, svBitVecVal* data) {
    std::memcpy(data, memory_of(storage).bytes + offset, 16);
}

void m3vit_ddr_write(unsigned long long storage, unsigned long long offset, const svBitVecVal* data,
                     unsigned short strobes) {
    uint8_t* target = memory_of(storage).bytes + offset;
    const uint8_t* source = reinterpret_cast<const uint8_t*>(data);
    for (int byte = 0; byte < 16; byte++) {
        if (strobes >> byte & 1) target[byte] = source[byte];
    }
}

void m3vit_ddr_fault(unsigned long long storage, unsigned long long address, const char* what) {
    std::string& fault = memory_of(storage).fault;
    if (fault.empty()) {
        char place[32];
        std::snprintf(place, sizeof place, " at 0x%llx", address);
        fault = std::string(what) + place;
    }
}

}  // extern "C"
