# Two commands from nothing but Python >= 3.11 and pip, with or without a GPU:
#
#   make demo    both hippocampi of an average head, results in demo-output/
#   make test    style, types and all tests
#
# one for a machine with an NVIDIA GPU (nine minutes at most; PIP_NO_INDEX=1 PIP_FIND_LINKS=wheels where there is no
# network):
#
#   make gpu-check    the CPU's answers and the GPU's, memory, speed, engines: gpu-check.json and a table
#
# and for developers: make test-quick (without the slow files), make lint, make bench, make train-demo (both need
# ../shared/data), make bad-input (prints the message of every bad input), make docs (the pages as a site), make clean.
#
# torch is installed first and alone, so that nothing else chooses another one. To choose it yourself:
#   make demo TORCH="torch==2.13.0 --index-url <the index of PyTorch builds for CPUs>"

TORCH ?= torch==2.13.0
VENV ?= .venv
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif

# Test processes side by side; a file's tests stay in one, which shares what they have made. JOBS=0 runs all in one.
# One that crashes ends the run with the name of its test; replaced, pytest-xdist may wait for it for ever.
JOBS ?= 2
PARALLEL := -n $(JOBS) --dist loadfile --no-loadscope-reorder --max-worker-restart=0

.PHONY: demo test test-quick gpu-check lint bench train-demo bad-input fix package docs clean

demo: $(VENV)/.demo
	$(BIN)/python -m UNetSegmentLib.cli demo

test: lint
	$(BIN)/python -m pytest $(PARALLEL)

test-quick: $(VENV)/.test
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow"

gpu-check: $(VENV)/.gpu
	$(BIN)/python Testing/Gpu/check.py

lint: $(VENV)/.test
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	PYTHONPATH=UNetSegment $(BIN)/lint-imports --no-cache

bench: $(VENV)/.test
	$(BIN)/python Testing/Benchmarks/run.py

train-demo: $(VENV)/.test
	$(BIN)/python Testing/Demos/train_isbi.py
	$(BIN)/python Testing/Demos/train_processes.py

bad-input: $(VENV)/.test
	$(BIN)/python Testing/Core/bad_input/show.py

fix: $(VENV)/.test
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

# sdist and wheel in dist/.
package: $(VENV)/.base
	$(BIN)/python -m pip install build
	$(BIN)/python -m build

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict -q -f Testing/Site/mkdocs.yml
	@echo "The first page: build/site/index.html"

clean:
	rm -rf $(VENV) demo-output

$(VENV)/.base:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed. Name it: make PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { $(PYTHON) -m venv --without-pip $(VENV) && \
		$(PYTHON) -m pip --python $(BIN)/python install pip; }
	$(BIN)/python -m pip install $(TORCH)
	touch $@

# The stamps are renewed when the dependencies change, so that a second run installs nothing.
$(VENV)/.demo: $(VENV)/.base pyproject.toml
	$(BIN)/python -m pip install -e ".[demo]"
	touch $@

# TensorRT, nnU-Net and MONAI are used where they are installed beside it.
$(VENV)/.gpu: $(VENV)/.base pyproject.toml
	$(BIN)/python -m pip install -e ".[export]"
	touch $@

$(VENV)/.docs: $(VENV)/.base pyproject.toml
	$(BIN)/python -m pip install -e ".[docs,report]"
	touch $@

# nnU-Net and MONAI are what our answers are compared with. Without their dependencies, which would bring another torch;
# what they really import here is the extra "peers".
$(VENV)/.test: $(VENV)/.base pyproject.toml Testing/Parity/peers.txt
	$(BIN)/python -m pip install -e ".[test,peers]"
	$(BIN)/python -m pip install --no-deps -r Testing/Parity/peers.txt
	touch $@
