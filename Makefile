# Facegate. `make help` lists what can be done.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check -q

.DEFAULT_GOAL := help
.PHONY: help install install-dev run demo test test-full test-quick test-containers lint format lock bench soak campaign clean
.PHONY: start stop health logs

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

install: $(VENV)/.installed ## create .venv from the lock file

install-dev: $(VENV)/.installed-dev ## the same, with what the tests need

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Facegate needs Python 3.11 or newer: install it, then make PYTHON=python3.11 install.'; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo 'Python has no venv module: apt-get install python3-venv, then try again.'; exit 1; }

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	@$(PIP) install --require-hashes --only-binary :all: -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@$(PIP) install --require-hashes --only-binary :all: -r requirements-dev.lock
	@touch $@

run: install ## start the service on 127.0.0.1:5001
	@$(BIN)/facegate serve --development

demo: install ## score the bundled genuine and manipulated selfie on the running service
	@$(BIN)/python -m scripts.demo

# The platform of containers. The plug-in of newer engines, else the program that came before it.
COMPOSE ?= $(if $(shell docker compose version 2>/dev/null),docker compose,docker-compose)
PROJECT ?= facegate
PLATFORM = DOCKER_BUILDKIT=1 COMPOSE_DOCKER_CLI_BUILD=1 $(COMPOSE) -p $(PROJECT) -f deploy/compose.yaml
ANSWERS = $(PLATFORM) exec -T gateway /opt/facegate/healthcheck

start: ## start gateway, detectors and cache in containers; build them where they are not
	@$(PLATFORM) up -d
	@for _ in $$(seq 120); do $(ANSWERS) 2>/dev/null && break; sleep 1; done
	@$(MAKE) --no-print-directory health

stop: ## stop and remove these containers; their data stays
	@$(PLATFORM) down

health: ## how they are, and whether images are judged
	@$(PLATFORM) ps
	@$(ANSWERS) 2>/dev/null && echo 'Service is Live.' || { echo 'Service is Not Live.'; exit 1; }

logs: ## what they wrote (FOLLOW=-f: and go on writing)
	@$(PLATFORM) logs --tail=200 $(FOLLOW)

# Hundreds of processes start from the same files: they are compiled once, whatever the shell says.
test test-quick test-containers: export PYTHONDONTWRITEBYTECODE =

# Much of a test is waiting, so there are more of them at once than cores. Those of the stores fork:
# they run beside the others in a process of their own, where no server's threads run, and after
# them those of Schemathesis, which takes long to be loaded and so is loaded there alone.
TESTS_AT_ONCE ?= 3
ASIDE := tests/store tests/api/openapi/test_schemathesis.py
test: install-dev ## run the tests
	@log=$$(mktemp); $(BIN)/python -m pytest $(ASIDE) >$$log 2>&1 & aside=$$!; trap "kill $$aside" INT TERM; \
	$(BIN)/python -m pytest -p no:schemathesis -n $(TESTS_AT_ONCE) --dist loadfile --no-loadscope-reorder $(patsubst %,--ignore=%,tests/containers $(ASIDE)); \
	others=$$?; wait $$aside; aside=$$?; cat $$log; rm $$log; exit $$((others | aside))

test-full: export THOROUGH = 1
test-full: test ## the same with the examples, sizes and times of a night

test-quick: install-dev ## run the tests of the edit loop: no servers, nothing that takes long
	@$(BIN)/python -m pytest -n 2 -p no:schemathesis -m "not slow" --ignore=tests/containers

CONTAINER_TESTS ?= tests/containers
CONTAINERS_AT_ONCE ?= 2
test-containers: install-dev ## build the images and test them with a real Docker engine (root, Debian or Ubuntu)
	@tests/containers/engine.sh
	@scripts/wheels.sh $(BIN)/python
	@$(BIN)/python -m pytest --timeout=900 -n $(CONTAINERS_AT_ONCE) --dist loadfile -m "not alone" $(CONTAINER_TESTS)
	@$(BIN)/python -m pytest --timeout=900 -m alone $(CONTAINER_TESTS) || [ $$? = 5 ]  # 5: there is none

lint: install-dev ## format, lint, types and the import contract
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports

format: install-dev ## format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lock: ## rewrite the lock files (names, versions, hashes; no addresses)
	@scripts/lock.sh

bench: install-dev ## throughput and latency against bare inference, and start-up time
	@for name in throughput latency startup; do $(BIN)/python -m scripts.bench.$$name || exit; done

soak: install-dev ## ten minutes of load; memory must stay flat
	@$(BIN)/python -m scripts.bench.soak

MINUTES ?= 60
campaign: install-dev ## attacks and faults under load for MINUTES=60; prints its figures
	@$(BIN)/python -m scripts.campaign --minutes $(MINUTES)

clean: ## remove what was installed; the data folder stays
	@rm -rf $(VENV) build dist *.egg-info
