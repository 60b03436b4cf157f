# make certify   set everything up, kill the reference server hundreds of times, say what it earned; then a first look at
#                two more of its jobs
# make certify-client   the same for the reference client: three contracts, over 200 kills at random moments
# make test      set everything up, pass the tests
# make cases     what people bring, in full: each case comes to its verdict
# make soak      the tests that are long by nature
# make hostile   hostile users, full disks, ends at any moment: what was tried, and what held
# make wheel     build what is published; install it in empty environments, and certify the reference server with it
# make recipes   servers of third parties, killed and started again; ONLY=NAME one of them, OPTIONS=--quick a first look
# make bench     how fast it is, side by side with floors and peers: docs/benchmarks.md; ONLY=NAME one of them
# All need Python 3.11 or newer with pip, and make. PYTHON=python3.12 chooses another interpreter;
# WORKERS=0 runs the tests one at a time.

PYTHON ?= python3
WORKERS ?= 3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEVELOP := $(VENV)/.develop
# Thousands of starts: what Python compiles is kept, also where the shell says otherwise.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: certify certify-client test cases soak hostile lint wheel recipes bench conformance clean

certify: $(READY)
	$(BIN)/mcp-crashtest certify $(addprefix --look scenarios/profiles/reference-,tasks.toml training.toml)

certify-client: $(READY)
	$(BIN)/mcp-crashtest certify --level 3 $(addprefix --profile ,$(wildcard scenarios/profiles/client-*.toml))

test: $(DEVELOP)
	$(BIN)/python -m pytest tests -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not soak and not cases"

cases: $(DEVELOP)
	$(BIN)/python -m pytest tests/cases -m cases

soak: $(DEVELOP)
	$(BIN)/python -m pytest tests -m soak

lint: $(DEVELOP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell

hostile: $(DEVELOP)
	$(BIN)/python -m pytest tests/hostile

wheel: $(DEVELOP)
	$(BIN)/python -m tests.packaging.run

recipes: $(READY)
	$(BIN)/python -m recipes.run $(addprefix --only ,$(ONLY)) $(OPTIONS)

bench: $(READY)
	$(BIN)/python -m benchmarks.table $(addprefix --only ,$(ONLY)) $(OPTIONS)

conformance: $(READY)
	tests/conformance/run.sh

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[reference]'
	$(BIN)/python -m compileall -q harness reference_server reference_client  # also where Python may write no bytecode
	touch $@

$(DEVELOP): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) dist crashtest-report crashtest-replay
