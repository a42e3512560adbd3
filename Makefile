# Every job has one name here, on a laptop and in CI. `make` alone lists them.
PYTHON ?= python3
VENV   ?= .venv
IMAGE  ?=
BOARD  ?=
ARGS   ?=

BIN := $(VENV)/bin
# One thread per process: the tests run in two processes, and numbers do not depend on the machine.
THREADS := OMP_NUM_THREADS=1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-all check format lint-tcl scenes bench docs golden fuzz mutate \
        fuzz-engine csynth ip bitstream deploy clean

help:    ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.installed-demo  ## the main job: one photograph, every task, one picture (IMAGE=file, ARGS='--tasks depth')
	$(BIN)/m3vit demo $(IMAGE) --output build/demo.png --json build/demo.json $(ARGS)

test: $(VENV)/.installed-test  ## every test that needs neither Vitis nor a board (ARGS='-k name')
	$(THREADS) $(BIN)/pytest -n 2 -m 'not slow and not vitis and not board' $(ARGS)

test-all: $(VENV)/.installed-test  ## the slow tests too
	$(THREADS) $(BIN)/pytest -n 2 -m 'not vitis and not board' $(ARGS)

check: $(VENV)/.installed-check docs  ## lint, format, types; the manual builds without a warning
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/python .ci/format_cpp.py --check && $(BIN)/mypy

format: $(VENV)/.installed-check  ## rewrite Python and C++ sources in the project's format
	$(BIN)/ruff check --fix . && $(BIN)/ruff format . && $(BIN)/python .ci/format_cpp.py

scenes: $(VENV)/.installed-test  ## render the held-out scenes that bench needs (once, some minutes)
	$(BIN)/m3vit scenes 300 --split val

bench: scenes  ## accuracy of the model, cycles and size of the engine, time and energy beside others' -> build/bench
	$(BIN)/python -m m3vit.model.benchmark --output build/bench/model.json
	$(BIN)/python -m m3vit.sim.benchmark --output build/bench/engine.json --plots build/bench/plots
	$(BIN)/python -m m3vit.sim.benchmark --design zcu104-10x16x16 --networks nano tiny --shapes 0 --output build/bench/engine-10x16x16.json
	$(BIN)/m3vit bench --json build/bench/bench.json --figure build/bench/bench.png $(ARGS)

docs: $(VENV)/.installed-check  ## the manual -> build/docs/index.html
	$(BIN)/sphinx-build -W -q -b html docs build/docs

fuzz: $(VENV)/.installed-test  ## 200 random kernels: g++ against the RTL that the compiler makes (ARGS='--count 500 --seed 7')
	$(THREADS) $(BIN)/python -m m3vit.sim.fuzz --count 200 $(ARGS)

mutate: $(VENV)/.installed-test  ## faults planted in the RTL of kernels: how many the benches catch (ARGS='--kernel route --most 80')
	$(THREADS) $(BIN)/python -m m3vit.sim.fuzz.mutate $(ARGS)

fuzz-engine: $(VENV)/.installed-test  ## random and damaged programs, then random networks, on the simulated engine
	$(THREADS) $(BIN)/python -m m3vit.sim.engine.program_fuzz --count 500 $(ARGS)
	$(THREADS) $(BIN)/python -m m3vit.sim.engine.shape_fuzz --count 30 $(ARGS)

csynth: $(VENV)/.installed-demo  ## every kernel through Vitis HLS, where it is installed (ARGS='requantise --design nano')
	$(BIN)/m3vit hls csynth $(ARGS)

ip: $(VENV)/.installed-hls  ## the engine as IP for Vivado (ARGS='--core vitis': its core by Vitis HLS)
	$(BIN)/m3vit build ip $(ARGS)

bitstream: $(VENV)/.installed-hls  ## block design and implementation for the ZCU104 -> bitstreams/zcu104 (hours)
	$(BIN)/m3vit build bitstream $(ARGS)

deploy: $(VENV)/.installed-demo  ## overlay and package to a board (BOARD=host)
	$(BIN)/m3vit deploy $(BOARD) $(ARGS)

lint-tcl:  ## lint the Tcl scripts; tclint has an environment of its own, for its pins contradict mypy's
	test -x build/tclint/bin/tclint || { $(PYTHON) -m venv build/tclint && build/tclint/bin/python -m pip install --quiet tclint==0.9.0; }
	build/tclint/bin/tclint hls/tcl

golden: $(VENV)/.installed-demo  ## golden vectors of the shipped model -> build/golden
	$(BIN)/m3vit golden --output build/golden $(ARGS)

clean:   ## remove what was built; the installed .venv stays
	rm -rf build

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed-%: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$*]'
	@touch $@
