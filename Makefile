# make demo   the whole story in the terminal, on a site of its own
# make test   everything that can be tested here
# make check  the quick one: format, lint, types, import contracts, unit tests
# HOSTS=no    leaves out the tests on real hosts, and the Debian packages that these need
# PYTHON=...  another interpreter (3.11 or 3.12); by default the newest of the two that is found

PYTHON ?= $(shell scripts/find-python)
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest
JOBS   ?= 2
N      ?= 2
# in the order of the files, not of how many tests they have: the quick ones, of units, fill up the end
BY_FILE := --dist loadfile --no-loadscope-reorder
PEERS  := cedarpy==4.12.2 regopy==1.5.2 casbin==1.43.0 zen-engine==2.1.3 rule-engine==5.1.0 cel-python==0.5.0 \
          common-expression-language==0.10.0

# where it is set, every process of every test would compile all modules anew
# and a module that Ansible pipes into a Python without buffers is read byte by byte
unexport PYTHONDONTWRITEBYTECODE PYTHONUNBUFFERED

.DEFAULT_GOAL := help
.PHONY: help setup chaos exhaustive prove molecule hosts hosts-down demo check unit lint test test-312 wheel clean fuzz bench-policy bench-start bench-exec

help: ## This list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: $(STAMP) ## A virtual environment with everything pinned

$(STAMP): pyproject.toml constraints.txt constraints-3.12.txt constraints-collections.txt scripts/setup scripts/collections
	@scripts/setup "$(PYTHON)" "$(VENV)"
	@touch $@

demo: $(STAMP) ## The main job, told step by step
	@$(BIN)/python scripts/demo.py

check: $(STAMP) ## The quick one, under a minute: lint beside the unit tests that are not slow
	@$(MAKE) --no-print-directory --output-sync=line -j2 lint unit

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(STAMP)
	$(PYTEST) tests/unit -q -n $(JOBS) --dist loadfile -m 'not slow and not exhaustive'

test: lint ## All tests
	@$(BIN)/python -m tests.hosts prepare
	$(PYTEST) tests -n $(JOBS) $(BY_FILE) --durations 15
	@if scripts/find-python 3.12 >/dev/null; then $(MAKE) --no-print-directory test-312; \
	 else echo "No Python 3.12 was found here: what depends on it was not tested."; fi

hosts: $(STAMP) ## N=2 Debian hosts with systemd and sshd, to try things on; needs root and podman
	@$(BIN)/python -m tests.hosts up $(N)

hosts-down: $(STAMP) ## Takes them away
	@$(BIN)/python -m tests.hosts down

chaos: $(STAMP) ## kill -9 of a random process at a random moment; RUNS=1000 takes half an hour or more, SEED=... FROM=... repeats
	$(BIN)/python scripts/chaos --runs $(or $(RUNS),1000) --from $(or $(FROM),0) $(if $(SEED),--seed $(SEED))

prove: $(STAMP) ## Every shipped undo on two real hosts, half an hour; writes docs/certificates.md. ACTIONS="a b" proves some
	$(BIN)/python scripts/prove.py $(ACTIONS)

molecule: $(STAMP) ## Every shipped action done and undone by Molecule on two real hosts, some minutes; needs root. ACTIONS="a b" tries some
	PATH="$(abspath $(BIN)):$$PATH" molecule test $(if $(ACTIONS),$(addprefix -s ,$(ACTIONS)),--all)

exhaustive: $(STAMP) ## What takes minutes to hours: every minute of three years in twelve zones
	$(PYTEST) tests -m exhaustive -n $(JOBS) -q

test-312: ## What depends on the versions of Python and Ansible, on 3.12 with the ansible-core that pip finds for it
	$(MAKE) --no-print-directory VENV=.venv312 PYTHON="$$(scripts/find-python 3.12)" some-tests

some-tests: $(STAMP)
	$(PYTEST) tests/integration/execution/test_warm.py tests/integration/execution/test_runs.py \
	  tests/integration/dispatch tests/integration/flow/test_story.py tests/unit \
	  -n $(JOBS) $(BY_FILE) -q

wheel: $(STAMP) ## dist/*.whl
	rm -rf dist && $(BIN)/python -m build --wheel --no-isolation

fuzz: $(STAMP) ## The policy against an oracle: 5,000,000 pairs, then 1,000,000 decisions on flat memory; many minutes. FUZZ='--pairs N --decisions N --seed N'
	$(BIN)/python scripts/fuzz_policy.py $(FUZZ)

bench-policy: $(STAMP) .venv-bench/.ready ## A decision in microseconds, beside other engines; writes docs/benchmarks.md
	$(BIN)/python scripts/bench_policy.py --peers .venv-bench/bin/python --write

bench-exec: $(STAMP) .venv-rulebook/.ready ## A change from wish to end, beside ansible-playbook and ansible-rulebook; of some with WHAT="ssh local", under load with LOADED=yes
	$(BIN)/python scripts/bench_exec $(WHAT) --rounds $(or $(ROUNDS),12) --rulebook .venv-rulebook/bin/python $(if $(LOADED),--loaded) $(if $(WHAT),,--write)

.venv-rulebook/.ready: Makefile
	$(PYTHON) -m venv .venv-rulebook
	.venv-rulebook/bin/python -m pip install --quiet --disable-pip-version-check ansible-rulebook==1.3.2 ansible-core
	@touch $@

.venv-bench/.ready: Makefile
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check $(PEERS)
	@touch $@

bench-start: $(STAMP) ## From approval to start, and the command line's answer, in milliseconds
	$(BIN)/python scripts/bench_start.py

clean: ## Everything that was made here
	rm -rf .venv .venv312 .venv-bench .venv-rulebook dist build .demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .chaos
