# `make` lists the targets. Everything runs in .venv, which `make install` fills.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PEERS := .venv-peers
CLIENTS := .venv-clients
SITE := .venv-site
AXE := .venv-browser
# The first that runs (a version manager's shim may not) and is new enough.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3; do \
	$$name -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$name && break; done)

# Tests and the demo see the defaults, not the settings of the shell they are started from. Only SYNTHCXR_TEST_*
# passes, which names a PostgreSQL, a Redis or images to test against.
SETTINGS := $(filter-out SYNTHCXR_TEST_%,$(filter SYNTHCXR_%,$(shell env | cut -d= -f1)))
CLEAN := env $(addprefix -u ,$(SETTINGS))
PYTEST := $(CLEAN) OMP_NUM_THREADS=1 $(BIN)/pytest

# Given on make's command line only: variables of the shell that happen to have these names do not count.
DATA :=
FAMILY :=
KEEP :=
SECONDS :=
SEED :=
OUT :=
STORE :=
FONTS :=
DRY :=
quoted = '$(subst ','\'',$(1))'
option = $(if $(2),--$(1) $(call quoted,$(2)))
CHOSEN = $(call option,data,$(DATA)) $(call option,family,$(FAMILY)) $(call option,seconds,$(SECONDS))
CONTEST = $(call option,data,$(DATA)) $(call option,store,$(STORE))

.DEFAULT_GOAL := help
.PHONY: help install format lint types test test-bfloat16 test-integration fuzz openapi generated-clients browser-tests site \
	faults demo up \
	bench base quality utility \
	stability peers time-to-quality bench-sampling bench-training bench-warm-start bench-fidelity bench-copies \
	text-detector bench-text bench-api bench-durability bench-gates bench-repeated-sets bench-gate-cost bench-neighbours bench-gpu proofs \
	compose-up compose-down all

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Make .venv and install everything, pinned (skipped when done)

$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" && $(PYTHON) -c '$(NEW_ENOUGH)' || \
		{ echo "Python 3.11 or newer is needed: install it, or say make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[server,dev]'
	@$(BIN)/python -W ignore -m compileall -qq -j 0 $(VENV)/lib || true # on all cores, where pip takes one
	@touch $@

format: install ## Format the code
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

lint: install ## Check style and which way the imports point
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

types: install ## Check the types
	$(BIN)/mypy

test: install ## Run all tests; what a test cannot reach is skipped by name
	$(PYTEST) -n 2 --dist worksteal tests/unit tests/numerics tests/contract tests/integration
	$(PYTEST) -n 3 --dist loadfile tests/e2e tests/faults

# What must hold in either number format. Exact mathematics is tested in float32 whatever the processor has, which
# is one of these tests: so `make test` alone runs the others of `tests/numerics`.
FORMATS := tests/numerics/test_number_format.py \
	tests/contract/test_families.py::test_images_do_not_depend_on_the_number_of_threads

test-bfloat16: install ## Run the tests of number formats with native bfloat16 forced on, then off
	SYNTHCXR_TEST_BFLOAT16=on $(PYTEST) $(FORMATS)
	SYNTHCXR_TEST_BFLOAT16=off $(PYTEST) $(FORMATS)

test-integration: install ## Run the tests with a real database, broker and workers
	$(PYTEST) tests/integration tests/e2e tests/faults

fuzz: install ## Send at least 12,000 generated requests to the API, of two tenants where they follow each other
	$(CLEAN) SYNTHCXR_FUZZ_CASES=2000 SYNTHCXR_FUZZ_STEPS=10000 \
		$(BIN)/pytest --timeout 3600 -s tests/contract/test_fuzz.py tests/contract/test_fuzz_tenants.py

openapi: install ## Write openapi.yaml anew from the app
	$(BIN)/python -m service openapi > openapi.yaml

generated-clients: $(CLIENTS)/.installed ## Lint openapi.yaml, and drive the service by generated clients (needs npm)
	$(PYTEST) -rs tests/contract/test_generated_clients.py

site: $(SITE)/.installed ## Build the documentation as pages in build/site
	NO_MKDOCS_2_WARNING=1 $(SITE)/bin/mkdocs build --quiet
	@echo "open build/site/index.html"

$(SITE)/.installed: docs/requirements.txt | install
	$(PYTHON) -m venv $(SITE)
	$(SITE)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

browser-tests: $(AXE)/.installed ## Try the console in Chromium, and look for barriers with axe (needs npm)
	$(PYTEST) -rs tests/e2e/test_console.py

$(AXE)/.installed: Makefile | install
	npm install --prefix $(AXE) --no-audit --no-fund --no-package-lock --ignore-scripts axe-core@4.14.1
	@touch $@

$(CLIENTS)/.installed: $(addprefix tests/contract/generated_clients/,requirements.txt package.json) | install
	$(PYTHON) -m venv $(CLIENTS)
	$(CLIENTS)/bin/python -m pip install --quiet --disable-pip-version-check \
		-r tests/contract/generated_clients/requirements.txt
	cp tests/contract/generated_clients/package.json $(CLIENTS)
	npm install --prefix $(CLIENTS) --no-audit --no-fund --no-package-lock --ignore-scripts
	@touch $@

faults: install ## Kill processes of a loaded service at random, judge it, write docs/trust.md (SECONDS=, SEED=)
	$(CLEAN) OMP_NUM_THREADS=1 $(BIN)/python -m tests.faults.long_run \
		$(call option,seconds,$(SECONDS)) $(call option,seed,$(SEED))

demo: install ## Images to a verified synthetic set (DATA=, FAMILY=, SECONDS=, OUT=, KEEP=1)
	@$(CLEAN) $(BIN)/synthcxr demo $(CHOSEN) $(call option,out,$(OUT)) $(if $(KEEP),--keep)

up: install ## Run the whole service here
	$(BIN)/synthcxr up

bench: install ## Measure reading of images, answers, packages, downloads, and what the client costs
	$(BIN)/python benchmarks/ingest.py
	$(BIN)/python benchmarks/responsiveness.py
	$(BIN)/python -m benchmarks.packaging
	$(BIN)/python -m benchmarks.download
	$(BIN)/python -m benchmarks.client

bench-api: install ## Measure how much the API bears: polling, submitting, listing, a thousand streams
	$(BIN)/python -m benchmarks.api

bench-durability: install ## Kill a plain Celery task and this service alike, and count what is lost
	$(BIN)/python -m benchmarks.durability

stability: install ## Count the collapses of adversarial training over 5 seeds
	$(BIN)/python -m benchmarks.gan_stability

base: install ## Train the bases that the package ships anew, on phantoms alone: some ten minutes of one core
	OMP_NUM_THREADS=1 $(BIN)/python -m workers.train.bases

bench-warm-start: install ## Compare trainings from a base with trainings from random weights (DATA=)
	$(BIN)/python -m benchmarks.warm_start $(if $(DATA),--data $(call quoted,$(DATA)),--phantoms 700)

quality: install ## Train the families and judge their images (DATA=, FAMILY=, SECONDS=)
	$(BIN)/python -m benchmarks.quality $(CHOSEN) $(if $(DATA),,--phantoms 2000)

utility: install ## Train classifiers with synthetic images (DATA=, FAMILY=, SECONDS=)
	$(BIN)/python -m benchmarks.utility $(CHOSEN) $(if $(DATA),,--phantoms 2000)

peers: $(PEERS)/.installed ## Make .venv-peers with what the benchmarks compare against

# It sees the torch, numpy and the rest of .venv by a .pth file, so that ours and theirs run on the same ones and no
# second torch is kept; and it takes its own packages without what they depend on, since PyHealth asks for a pandas
# and a urllib3 that cannot stand beside this numpy.
$(PEERS)/.installed: benchmarks/peers/requirements.txt | install
	$(BIN)/python -m venv --without-pip $(PEERS)
	$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" > \
		$$($(PEERS)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/of-the-project.pth
	$(BIN)/python -m pip --python $(PEERS)/bin/python install --quiet --disable-pip-version-check --no-deps \
		-r benchmarks/peers/requirements.txt
	@touch $@

time-to-quality: peers ## Train ours and the peers as long, and judge their images (DATA=, STORE=)
	$(BIN)/python -m benchmarks.time_to_quality $(CONTEST) $(if $(DATA),,--phantoms 2000)

bench-sampling: peers ## Measure how fast ours and the peers draw images
	$(PEERS)/bin/python -W ignore -m benchmarks.sampling

bench-training: peers ## Measure how fast ours and the peers' denoisers train
	$(PEERS)/bin/python -W ignore -m benchmarks.training

bench-fidelity: install ## Measure the Fréchet distance's speed, and the memory of precision and recall
	$(BIN)/python -m benchmarks.fidelity_speed

bench-copies: install ## Measure how many planted near-duplicates the gate's metrics find (DATA: of your images)
	$(BIN)/python -m benchmarks.copy_detection $(if $(DATA),--data $(call quoted,$(DATA)),--phantoms 3800)

proofs: install ## Count how often the gate is right about sets of which all is known
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.proofs

bench-gates: install ## Hold the gate beside three rules in common use, on planted leaks
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.gates

bench-repeated-sets: install ## Ask a model that copies for many small sets
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.repeated_sets

bench-gate-cost: install ## Measure what examining a set costs beside drawing it (DATA: of your images)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.gate_cost $(if $(DATA),--data $(call quoted,$(DATA)),--phantoms 5000)

bench-neighbours: install ## Hold measured threads beside fixed ones, with busy neighbours on the same cores
	$(BIN)/python -W ignore -m benchmarks.neighbours

bench-gpu: install ## Check and measure everything on this machine's GPU, within eight minutes (DRY=1: on the CPU)
	@$(CLEAN) $(if $(wildcard $(PEERS)/bin/python),$(PEERS),$(VENV))/bin/python -W ignore -m benchmarks.gpu \
		$(if $(DRY),--dry-run)

text-detector: install ## Fit the detector of burnt-in text anew, to drawn text on phantoms
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.burned_in_text.fit

bench-text: install ## Measure how much burnt-in text is found (DATA: of your images; FONTS: a folder)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.burned_in_text.measure $(call option,data,$(DATA)) \
		$(call option,fonts,$(FONTS))

compose-up: ## Run the distributed service with Docker
	docker compose up --build --detach --wait

compose-down: ## Stop it; volumes stay
	docker compose down

all: lint types test test-bfloat16 ## What CI runs
