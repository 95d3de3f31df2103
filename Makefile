# The project's commands. Needs a shell, make and a python3 (any 3.x); everything else is fetched into .venv and .tools.
# Kept to what GNU make 3.81 (macOS) and /bin/sh understand.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

ROOT := $(CURDIR)
UV := $(ROOT)/.tools/uv/bin/uv
VENV := $(ROOT)/.venv
PYTHON := $(VENV)/bin/python
SAM := $(ROOT)/.tools/sam/bin/sam
# a Python that uv fetches stays beside the project, where `make clean` finds it
export UV_NO_PROGRESS := 1
export UV_PYTHON_INSTALL_DIR := $(ROOT)/.tools/python
# sam build runs python3.13 and its pip from the PATH
export PATH := $(VENV)/bin:$(ROOT)/.tools/sam/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0

# Where Python 3.13 is: on the PATH, under pyenv, or else for uv to fetch. The project's own .venv does not count.
FIND_PYTHON = for p in $$(command -v python3.13) "$$HOME"/.pyenv/versions/3.13*/bin/python3.13; do \
	case "$$p" in "$(VENV)"/*) continue;; esac; \
	if [ -x "$$p" ] && "$$p" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then echo "$$p"; exit 0; fi; \
	done; echo 3.13

.PHONY: help
help: ## what there is to type
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

.PHONY: setup
setup: .venv/.made .tools/sam/.made .tools/ministack/.made .tools/scan/.made ## install everything the other commands need (repeatable)
	@echo "Ready: $(VENV) and $(ROOT)/.tools"

.tools/uv/.made:
	@echo "Fetching uv ..."
	@mkdir -p .tools
	@rm -rf .tools/uv
	@if python3 -m venv .tools/uv >/dev/null 2>&1; then \
		.tools/uv/bin/python -m pip install --quiet --disable-pip-version-check uv; \
	elif python3 -m pip --version >/dev/null 2>&1; then \
		rm -rf .tools/uv; python3 -m pip install --quiet --disable-pip-version-check --target .tools/uv uv; \
	else \
		rm -rf .tools/uv; \
		echo "This python3 has neither venv nor pip. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; \
	fi
	@touch $@

.venv/.made: .tools/uv/.made requirements/dev.txt pyproject.toml
	@echo "Installing the project into .venv ..."
	@[ -x .venv/bin/python3.13 ] || $(UV) venv --quiet --clear --python "$$($(FIND_PYTHON))" .venv
	@$(UV) pip sync --quiet --python $(PYTHON) --require-hashes requirements/dev.txt
	@$(UV) pip install --quiet --python $(PYTHON) --no-deps --no-build-isolation --offline --editable .
	@touch $@

.tools/sam/.made: .venv/.made requirements/sam.txt
	@echo "Installing AWS SAM into .tools/sam ..."
	@[ -x .tools/sam/bin/python ] || $(UV) venv --quiet --clear --python "$$($(FIND_PYTHON))" .tools/sam
	@$(UV) pip sync --quiet --python .tools/sam/bin/python --require-hashes requirements/sam.txt
	@touch $@

.tools/ministack/.made: .venv/.made requirements/ministack.txt
	@echo "Installing MiniStack, the local AWS, into .tools/ministack ..."
	@[ -x .tools/ministack/bin/python ] || $(UV) venv --quiet --clear --python "$$($(FIND_PYTHON))" .tools/ministack
	@$(UV) pip sync --quiet --python .tools/ministack/bin/python --require-hashes requirements/ministack.txt
	@touch $@

.tools/scan/.made: .venv/.made requirements/scan.txt
	@echo "Installing the scanners into .tools/scan ..."
	@[ -x .tools/scan/bin/python ] || $(UV) venv --quiet --clear --python "$$($(FIND_PYTHON))" .tools/scan
	@$(UV) pip sync --quiet --python .tools/scan/bin/python --require-hashes requirements/scan.txt
	@touch $@

.PHONY: demo
demo: setup ## one shop, some orders, the whole road, in half a minute
	@$(PYTHON) -m sandbox.demo

.PHONY: sandbox
sandbox: setup ## local AWS, a simulated shop and a simulated SnelStart, until Ctrl-C; VIES=1 adds a simulated VIES
	@$(PYTHON) -m sandbox.run $(if $(VIES),--vies)

.PHONY: test
test: setup ## every test, two files at a time
	@$(PYTHON) -m pytest -n 2 --dist loadfile

# SEED alone plays that one world again; with ORDERS it is the first of many.
.PHONY: chaos
chaos: setup ## thousands of orders through everything that can go wrong; ORDERS=10000, SEED=n for one world again
	@$(PYTHON) -m tests.chaos.run $(if $(SEED),$(if $(ORDERS),--seed $(SEED),--only $(SEED))) $(if $(ORDERS),--orders $(ORDERS))

.PHONY: bench
bench: setup ## what the main job costs: calls, ratios, prices, sizes; FIGURE=webhook for one figure alone
	@$(PYTHON) -m sandbox.bench $(FIGURE)

.PHONY: check
check: setup ## lint, format, types, template, scanners
	@echo "ruff ..." && $(PYTHON) -m ruff check --quiet && $(PYTHON) -m ruff format --check --quiet
	@echo "mypy ..." && $(PYTHON) -m mypy --no-error-summary
	@echo "cfn-lint ..." && $(VENV)/bin/cfn-lint template.yaml
	@echo "sam validate ..." && AWS_DEFAULT_REGION=eu-central-1 $(SAM) validate --lint --template template.yaml
	@$(MAKE) --no-print-directory scan
	@echo "All clean."

.PHONY: scan
scan: setup ## known weaknesses: bandit, checkov, pip-audit
	@echo "bandit, checkov, pip-audit ..." && $(PYTHON) -m tools.scan

# Newest versions of everything, pinned again by hash. No address of a package host gets into the files.
COMPILE = $(UV) pip compile --quiet --upgrade --universal --python-version 3.13 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'
.PHONY: lock
lock: .tools/uv/.made ## renew the pins in requirements/ and shared/requirements.txt
	@echo "Resolving ..."
	@$(COMPILE) requirements/layer.in --output-file shared/requirements.txt
	@for f in dev sam ministack scan; do $(COMPILE) requirements/$$f.in --output-file requirements/$$f.txt || exit 1; done

.PHONY: clean
clean: ## throw away what was built; `make setup` brings it back
	@rm -rf .venv .tools .aws-sam .sandbox .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
