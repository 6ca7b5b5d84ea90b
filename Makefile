SHELL := bash
.SHELLFLAGS := -o pipefail -ec

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
CODE = .ci/audit ec2kit actions bin ocf etc installer install lab bench tests
AGENTS = $(filter-out %.xml,$(notdir $(wildcard ocf/*)))

EVENTS ?= 100
SEED ?= 1

# For folders of your own, or to stage the files for a package:
# make install PREFIX=/opt/ec2kit LKROOT=/opt/LifeKeeper DESTDIR=/tmp/stage
PREFIX ?= /opt/ec2kit
LKROOT ?= /opt/LifeKeeper
SBIN ?= /usr/local/sbin
DEFAULTS ?= /etc/default/LifeKeeper
OCF_ROOT ?= /usr/lib/ocf
quoted = '$(subst ','\'',$(1))'
FOLDERS = --prefix=$(call quoted,$(PREFIX)) --lkroot=$(call quoted,$(LKROOT)) --sbin=$(call quoted,$(SBIN)) \
  --defaults=$(call quoted,$(DEFAULTS)) --ocf-root=$(call quoted,$(OCF_ROOT)) --destdir=$(call quoted,$(DESTDIR))

# Of what pip says, the names of what it fetches, in one line.
PIP = $(BIN)/python -m pip install --disable-pip-version-check --no-compile --progress-bar off
NAMES = { while read -r word name _; do case $$word in Collecting) printf ' %s' "$${name%%[^[:alnum:]._-]*}"; end='\n';; \
  esac; done; printf "$$end"; }

# `make help` prints the lines that begin with ##@, and each target with a ## behind it; those targets are not files.
MADE = $(firstword $(MAKEFILE_LIST))
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*## .*/\1/p' $(MADE))

##@ To try it: without root, without AWS
demo: $(VENV)/demo.done ## play the main job on the embedded lab
	@echo 'The demo: it starts EC2 and two nodes for each of two scenarios; 15 to 40 s'
	@$(BIN)/python -m lab.demo

lab: $(VENV)/demo.done ## run a lab to try the kit by hand; SCENARIO=eip
	@$(BIN)/python -m lab $(SCENARIO)

help: ## tell what there is to make
	@awk -F ':.*## ' '/^##@ / { printf "%s%s\n", again, substr($$0, 5); again = "\n" } \
	  /^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MADE)

##@ To test it: without root, without AWS
test: $(VENV)/test.done ## 15 minutes; TESTS=tests/core for a part
	$(BIN)/python -m pytest -n 4 --dist worksteal $(TESTS)

test-faults: $(VENV)/test.done ## every fault at every call, two nodes at once; 15 minutes
	@EC2KIT_TEST_EXAMPLES=5000 $(BIN)/python -m pytest -q -n 2 tests/promises/test_only_ours.py & two=$$!; whole=0; \
	$(BIN)/python -m pytest -q tests/faults/whole.py || whole=$$?; wait $$two && exit $$whole

test-load: $(VENV)/test.done ## 10,000 nodes in simulated time; 3 minutes
	$(BIN)/python -m pytest -q -s tests/load/whole.py

##@ To test it with real packets: as root, on Debian (docs/cluster-lab.md)
# The longest files first: each is one process's, and they mostly wait.
LONG = $(addprefix tests/packets/,pages.py fencing.py stories.py unanswered.py keepalived.py lifekeeper.py)
PACKETS = $(LONG) $(filter-out tests/packets/events.py $(LONG),$(wildcard tests/packets/*.py))
test-cluster: $(VENV)/test.done ## real Pacemaker, keepalived, systemd; 9 minutes
	@$(BIN)/python -m lab.net check
	$(BIN)/python -m pytest -v -n 2 --dist loadfile --no-loadscope-reorder --durations 0 $(PACKETS)

test-events: $(VENV)/test.done ## 100 random events; 25 minutes; EVENTS=8 SEED=2
	@$(BIN)/python -m lab.net check
	EVENTS=$(EVENTS) SEED=$(SEED) EVENTS_LOG=$(EVENTS_LOG) $(BIN)/python -m pytest -q -s tests/packets/events.py

lab-net: $(VENV)/demo.done ## start that lab, to look around in
	@$(BIN)/python -m lab.net start

lab-net-stop: $(VENV)/demo.done ## stop it, and leave nothing behind
	@$(BIN)/python -m lab.net stop

##@ To install it: these call ./install, which does without make
install: ## the kit, and its parts for LifeKeeper and Pacemaker
	@$(PYTHON) ./install $(FOLDERS)

uninstall: ## take all of that off again
	@$(PYTHON) ./install --uninstall $(FOLDERS)

bundle: ## dist/ec2kit-...-bundle.tar.gz, to install without network
	@$(PYTHON) ./install --bundle dist

##@ To change it
check: $(VENV)/check.done ## format, lint, purity of the core, types
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

format: $(VENV)/check.done ## mend what of that can be mended by itself
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

docs: $(VENV)/demo.done ## messages.md, reference.md's table, JSON schema, meta-data
	$(BIN)/ec2kit explain --output markdown > docs/messages.md.new
	mv docs/messages.md.new docs/messages.md
	$(BIN)/python -m ec2kit.console.parameters < docs/reference.md > docs/reference.md.new
	mv docs/reference.md.new docs/reference.md
	$(BIN)/python -m ec2kit.console.json_schema < docs/json.md > etc/json/ec2kit.schema.json
	for agent in $(AGENTS); do \
	  $(BIN)/python -m ec2kit.pacemaker.actions $$agent > ocf/$$agent.xml.new; mv ocf/$$agent.xml.new ocf/$$agent.xml; \
	done

docs-faults: $(VENV)/test.done ## docs/faults.md, from a run of the fault matrix
	EC2KIT_FAULTS_PAGE=write $(BIN)/python -m pytest -q tests/faults/whole.py

bench: $(VENV)/bench.done ## measure beside the aws CLI; writes docs/benchmarks.md
	$(BIN)/python -m bench.processes $(KITS)
	$(BIN)/python -m bench.ways $(KITS)
	$(BIN)/python -m bench.imports $(KITS)
	$(BIN)/python -m bench.page

bench-failover: $(VENV)/bench.done ## as root: failovers, beside ClusterLabs' agents
	@$(BIN)/python -m lab.net check
	$(BIN)/python -m bench.failover $(RUNS)
	$(BIN)/python -m bench.page

lock: $(VENV)/lock.done ## requirements.lock again, with the newest versions
	$(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras --no-header --annotation-style=line \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
	  --output-file=requirements.lock.new pyproject.toml
	echo "# made by \`make lock\` on $$(date -u +%Y-%m-%d)" | cat - requirements.lock.new > requirements.lock
	rm requirements.lock.new

audit: ## the age of the lock, and what pip-audit knows of it
	@PATH="$$PWD/$(BIN):$$PATH" $(PYTHON) .ci/audit

clean: ## remove what the others leave here, and .venv
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ec2kit needs Python 3.11 or later; name one: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo 'A virtual environment in $(VENV): about 5 s'
	@$(PYTHON) -m venv $(VENV)

# The check stage types the tests and the lab as well, so it needs what they need.
$(VENV)/demo.done: EXTRAS = lab
$(VENV)/test.done: EXTRAS = test
$(VENV)/bench.done: EXTRAS = bench
$(VENV)/check.done: EXTRAS = test,check
$(VENV)/lock.done: EXTRAS = lock
$(VENV)/%.done: $(BIN)/python pyproject.toml requirements.lock
	@echo 'The packages that the kit runs with, by requirements.lock: about 5 s'
	@$(PIP) --no-deps --require-hashes -r requirements.lock | $(NAMES)
	@echo 'The kit itself, and what "$(EXTRAS)" in pyproject.toml asks for: about 15 s'
	@$(PIP) --editable '.[$(EXTRAS)]' | $(NAMES)
	@echo "EC2's description, cut down to what the kit calls: about 1 s"
	@$(BIN)/python -m ec2kit.ec2.shapes
	@touch $@
