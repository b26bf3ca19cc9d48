# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
NPM_DIR := contracts/solidity
FORGE ?= node_modules/.bin/forge
export PYTHONHASHSEED := 0
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

.PHONY: demo test test-all lint bench contracts artifacts forge snapshots slither halmos record js setup clean
.DEFAULT_GOAL := demo

$(STAMP): pyproject.toml constraints.txt
	@echo "Setting up $(VENV) (once; a few minutes on a slow network) ..." >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

setup: $(STAMP)

demo: setup
	@$(BIN)/python -m examples.spam_detection $(ARGS)

test: setup
	@$(BIN)/python -m pytest $(ARGS)

test-all: setup
	@$(BIN)/python -m pytest -m "" $(ARGS)

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: setup
	@$(BIN)/python -m benchmarks $(ARGS)

# Rebuild the contract artifacts with the pinned compiler and compare them with the committed ones.
$(NPM_DIR)/node_modules/.installed: $(NPM_DIR)/package.json $(NPM_DIR)/package-lock.json
	@cd $(NPM_DIR) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

artifacts: setup $(NPM_DIR)/node_modules/.installed
	@$(BIN)/python -m contracts.build

# Tests in Solidity; what they measure is compared with what is committed, or replaces it.
forge: setup $(NPM_DIR)/node_modules/.installed
	@cd $(NPM_DIR) && $(FORGE) test

snapshots: forge
	@$(BIN)/python -m contracts.snapshots

# A tool of Python that wants other packages than the project has an environment of its own.
.venv-%/.installed: contracts/%-requirements.txt
	@$(PYTHON) -m venv .venv-$*
	@.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# Every contract of the product. Left out in slither.config.json: deadlines of hours and days are the
# protocol (timestamp), measured assembly, and tables and masks (too-many-digits).
slither: .venv-slither/.installed $(NPM_DIR)/node_modules/.installed
	@cd $(NPM_DIR) && rm -rf node_modules/.cache/slither && FOUNDRY_SRC=policies FOUNDRY_TEST=policies \
	  FOUNDRY_OUT=node_modules/.cache/slither/out FOUNDRY_CACHE_PATH=node_modules/.cache/slither/cache \
	  $(FORGE) build --quiet --ast --build-info *.sol base disputes policies randomness
	@cd $(NPM_DIR) && PATH="$$PWD/node_modules/.bin:$$PATH" ../../.venv-slither/bin/slither . --ignore-compile \
	  --foundry-out-directory node_modules/.cache/slither/out

# What holds for every argument, and not only for those that were tried.
halmos: .venv-halmos/.installed $(NPM_DIR)/node_modules/.installed
	@cd $(NPM_DIR) && PATH="$$PWD/node_modules/.bin:$$PATH" FOUNDRY_SRC=test/proofs FOUNDRY_TEST=test/proofs \
	  FOUNDRY_OUT=node_modules/.cache/halmos/out FOUNDRY_CACHE_PATH=node_modules/.cache/halmos/cache \
	  ../../.venv-halmos/bin/halmos --forge-build-out node_modules/.cache/halmos/out --solver-timeout-assertion 5m

# What the judges were asked in Python and answered, which forge then asks again (test/Replay.t.sol).
JUDGED := $(patsubst %,tests/contracts/disputes/test_%.py,\
  demands examples fits gradient members points projection quorum records settlement state witness)

record: setup
	@$(BIN)/python -m pytest -p tests.contracts.disputes.recording $(JUDGED) \
	  --record-calls $(NPM_DIR)/node_modules/.cache/calls.txt

contracts: record forge slither halmos
	@$(BIN)/python -m contracts.build --check
	@$(BIN)/python -m contracts.snapshots --check
	@$(BIN)/python -m pytest tests/contracts $(addprefix --ignore=,$(JUDGED)) $(ARGS)

# Ceramic's JavaScript libraries read what the bridge writes, and the other way round.
tests/js/node_modules/.installed: tests/js/package.json tests/js/package-lock.json
	@cd tests/js && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

js: setup tests/js/node_modules/.installed
	@FOLKMOOT_JS=required $(BIN)/python -m pytest tests/unit/ceramic_bridge/test_js.py tests/e2e/test_events_node.py $(ARGS)

clean:
	rm -rf $(VENV) .venv-slither .venv-halmos runs .pytest_cache .mypy_cache .ruff_cache \
	  $(NPM_DIR)/node_modules tests/js/node_modules
