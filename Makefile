# Every verb of developing and running Nexus. `make` alone lists them.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUN_LOCK := requirements.lock
DEV_LOCK := requirements-dev.lock
UV_VERSION := 0.13.8

.PHONY: help run setup dev check fix test bench soak lint types contracts migrations generated client docs \
	migration migrate lock db-reset clean

help: ## List the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

run: $(VENV)/.run ## Set everything up and serve on 127.0.0.1:8700, on SQLite in ./var
	@$(BIN)/nexus serve --migrate

setup: $(VENV)/.dev ## Install what development needs

dev: $(VENV)/.dev ## Serve with readable logs
	@NEXUS_LOG__LEVEL=debug NEXUS_LOG__FORM=pretty $(BIN)/nexus serve --migrate

check: $(VENV)/.dev lint contracts types generated test ## All that CI runs

test: $(VENV)/.dev ## Run the tests, on SQLite and on a real PostgreSQL
	@$(BIN)/python -m tools.postgres -- $(BIN)/python -m pytest -n 2 --dist worksteal $(TESTS)

lint: $(VENV)/.dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/codespell

contracts: $(VENV)/.dev
	@PYTHONPATH=. $(BIN)/lint-imports --no-cache

types: $(VENV)/.dev
	@$(BIN)/basedpyright

generated: $(VENV)/.dev
	@$(BIN)/python -m tools.client --check
	@$(BIN)/python -m tools.reference --check

bench: $(VENV)/.dev ## Measure requests a second on both databases: make bench ARGS='--tasks 5000'
	@$(BIN)/python -m tools.postgres -- $(BIN)/python -m bench $(ARGS)

soak: $(VENV)/.dev ## Look for what must never happen, for minutes: make soak ARGS='--seconds 600'
	@$(BIN)/python -m tools.postgres -- $(BIN)/python -m soak $(ARGS)

fix: $(VENV)/.dev ## Mend what can be mended by a program
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

client: $(VENV)/.dev ## Generate the Python client and the OpenAPI reference
	@$(BIN)/python -m tools.client

docs: client ## Generate docs/reference
	@$(BIN)/python -m tools.reference

migration: $(VENV)/.dev ## Write a migration: make migration NAME=add_labels
	@$(BIN)/python -m tools.migration $(NAME)

migrate: $(VENV)/.run ## Bring the local database up to date
	@$(BIN)/nexus migrate

db-reset: ## Throw the local database away
	@rm -rf var

lock: $(VENV)/.uv ## Pin the newest versions that pyproject.toml allows
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
		--no-emit-index-url --no-header pyproject.toml -o $(RUN_LOCK)
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
		--no-emit-index-url --no-header pyproject.toml --group dev -o $(DEV_LOCK)

clean: ## Throw away what make has installed
	@rm -rf $(VENV) build dist

# Each stamp is newer than the lock file that it was made from.
$(VENV)/.uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Nexus needs Python 3.11 or later: make PYTHON=python3.11")'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

$(VENV)/.run: $(VENV)/.uv $(RUN_LOCK) pyproject.toml
	@echo "Installing Nexus into $(VENV) ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r $(RUN_LOCK)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run $(DEV_LOCK)
	@echo "Installing the development tools into $(VENV) ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r $(DEV_LOCK)
	@touch $@
