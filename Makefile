# make demo   sets itself up, then plays the main job on the embedded lab
# make lab    sets itself up, then runs a lab to try the kit in by hand, until Ctrl-C
# make test   sets itself up, then runs the tests
# make test-faults  each action times each outside call times each fault, and two nodes at once: about 8 minutes
# make test-load  10,000 nodes in simulated time, with and without what makes the kit fit for it: two minutes
# make lock   requirements.lock anew: what the kit needs at run time, each with its version and hashes
# make audit  how old the lock is, and what pip-audit knows of it where it can be asked
# make check  format, lint, purity of the core, types
# make bench  how quick the kit is, beside its peers; writes docs/benchmarks.md
# make docs   writes docs/messages.md from the message catalogue, and the OCF agents' meta-data
# make docs-faults  docs/faults.md from the matrix
# No root is needed for any of these, and no AWS.
#
# make lab-net       starts the lab with real packets: nodes, client and VPC router in network namespaces; as root
# make lab-net-stop  stops it, and leaves nothing behind
# make test-cluster  real Pacemaker and keepalived on it, about 10 minutes; as root, on Debian
# make test-events   100 random events on it, one after another, about 25 minutes; EVENTS=8 SEED=2 for others
# make bench-failover  the service gap of real failovers beside ClusterLabs' agents; writes docs/benchmarks.md
#
# make install    the kit onto this machine, and into LifeKeeper and Pacemaker where they are; again is harmless
# make uninstall  all of that off again
# make bundle     dist/ec2kit-<version>-bundle.tar.gz, to install from on a machine without network
# These call ./install, which does without make. For folders of your own, or to stage files for a package:
# make install PREFIX=/opt/ec2kit LKROOT=/opt/LifeKeeper DESTDIR=/tmp/stage

SHELL := bash
.SHELLFLAGS := -o pipefail -ec

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
CODE = .ci/audit ec2kit actions ocf installer install lab bench tests

EVENTS ?= 100
SEED ?= 1

PREFIX ?= /opt/ec2kit
LKROOT ?= /opt/LifeKeeper
SBIN ?= /usr/local/sbin
DEFAULTS ?= /etc/default/LifeKeeper
OCF_ROOT ?= /usr/lib/ocf
FOLDERS = --prefix '$(PREFIX)' --lkroot '$(LKROOT)' --sbin '$(SBIN)' --defaults '$(DEFAULTS)' \
  --ocf-root '$(OCF_ROOT)' --destdir '$(DESTDIR)'

# Of what pip says, the names of what it fetches, in one line.
PIP = $(BIN)/python -m pip install --disable-pip-version-check --no-compile --progress-bar off
NAMES = { while read -r word name _; do case $$word in Collecting) printf ' %s' "$${name%%[^[:alnum:]._-]*}"; end='\n';; \
  esac; done; printf "$$end"; }

.PHONY: bench bench-failover test-events demo lab lab-net lab-net-stop test test-cluster test-load lock audit test-faults docs-faults check format docs install uninstall \
  bundle clean

demo: $(VENV)/demo.done
	@echo 'The demo: two scenarios at once, about 15 s'
	@$(BIN)/python -m lab.demo

lab: $(VENV)/demo.done
	@$(BIN)/python -m lab $(SCENARIO)

lab-net: $(VENV)/demo.done
	@$(BIN)/python -m lab.net start

lab-net-stop: $(VENV)/demo.done
	@$(BIN)/python -m lab.net stop

test: $(VENV)/test.done
	$(BIN)/python -X dev -m pytest -n 4 --dist worksteal $(TESTS)

test-cluster: $(VENV)/test.done
	@$(BIN)/python -m lab.net check
	$(BIN)/python -m pytest -v --durations 0 $(filter-out tests/packets/events.py,$(wildcard tests/packets/*.py))

test-faults: $(VENV)/test.done
	@EC2KIT_TEST_EXAMPLES=5000 $(BIN)/python -m pytest -q -n 2 tests/test_two_nodes.py & two=$$!; whole=0; \
	$(BIN)/python -m pytest -q tests/faults/whole.py || whole=$$?; wait $$two && exit $$whole

docs-faults: $(VENV)/test.done
	EC2KIT_FAULTS_PAGE=write $(BIN)/python -m pytest -q tests/faults/whole.py

test-load: $(VENV)/test.done
	$(BIN)/python -m pytest -q -s tests/load/whole.py

lock: $(VENV)/lock.done
	$(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras --no-header --annotation-style=line \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
	  --output-file=requirements.lock.new pyproject.toml
	echo "# made by \`make lock\` on $$(date -u +%Y-%m-%d)" | cat - requirements.lock.new > requirements.lock
	rm requirements.lock.new

audit:
	@PATH="$$PWD/$(BIN):$$PATH" $(PYTHON) .ci/audit

check: $(VENV)/check.done
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

format: $(VENV)/check.done
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

install:
	@$(PYTHON) ./install $(FOLDERS)

uninstall:
	@$(PYTHON) ./install --uninstall $(FOLDERS)

bundle:
	@$(PYTHON) ./install --bundle dist

bench: $(VENV)/bench.done
	$(BIN)/python -m bench.processes $(KITS)
	$(BIN)/python -m bench.ways $(KITS)
	$(BIN)/python -m bench.imports $(KITS)
	$(BIN)/python -m bench.page

bench-failover: $(VENV)/bench.done
	@$(BIN)/python -m lab.net check
	$(BIN)/python -m bench.failover $(RUNS)
	$(BIN)/python -m bench.page

test-events: $(VENV)/test.done
	@$(BIN)/python -m lab.net check
	EVENTS=$(EVENTS) SEED=$(SEED) EVENTS_LOG=$(EVENTS_LOG) $(BIN)/python -m pytest -q -s tests/packets/events.py

docs: $(VENV)/demo.done
	$(BIN)/ec2kit explain --output markdown > docs/messages.md.new
	mv docs/messages.md.new docs/messages.md
	$(BIN)/python -c 'from ec2kit.agents import *; print(meta_data(ROUTE), end="")' > ocf/route.xml
	$(BIN)/python -c 'from ec2kit.agents import *; print(meta_data(EIP), end="")' > ocf/eip.xml

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
	@$(BIN)/python -m ec2kit.shapes
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
