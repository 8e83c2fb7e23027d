# Commands for developers. Needs Rust, a C compiler and Python 3.10 or newer; everything else is
# downloaded.

# The Python that creates the virtual environments.
PYTHON ?= python3
# How long `make demo` runs the workers.
SECONDS ?= 20
# The server of `make demo`: `stand-in`, or `real` for a real Conductor server, which is downloaded
# once (400 MB).
SERVER ?= stand-in
# The folder into which `make install` puts the C library; below DESTDIR, if that is set.
PREFIX ?= /usr/local

SDK := 2.0.0
OLD_SDKS := 1.5.1 1.3.11
E2E_SDKS := $(OLD_SDKS) 1.3.4
# Environments with the oldest and the newest release of every dependency.
ENDS := lowest highest
WHEEL_SOURCES := Cargo.toml Cargo.lock $(shell find core exporter py-binding -type f \
	-not -path '*/tests/*' -not -path '*/__pycache__/*' -not -name '*.so' -not -name 'requirements-*.txt')

export PATH := $(PATH):$(HOME)/.cargo/bin
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo venv wheel install tools-core tools-rust tools-python test test-rust test-portable test-python test-sdks packages release-check sdk-matrix sdk-mutants exit-loop e2e bench bench-python results weaken chaos differential faults soak attack fuzz sanitize book coverage mutants audit clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/wheel ## Run real Conductor workers for 20 s (SECONDS=...) and show their timers (SERVER=real: at a real server)
	@[ "$(SERVER)" = stand-in ] || .ci/debian.sh java openjdk-17-jre-headless
	@.venv/bin/python examples/demo/demo.py --seconds $(SECONDS) --server $(SERVER)

venv: .venv/ready ## Make .venv: pinned development tools and the SDK
wheel: dist/wheel ## Build the Python wheel into dist/

install: ## Install the C library, its header, the command ictus and its manual page below PREFIX (/usr/local)
	cargo build --release --package ictus-ffi --package ictus-exporter --locked
	@ffi-c/install.sh "$(PREFIX)"

test: ## Run all tests, and print which took longest
	@.ci/slowest.py $(MAKE) --no-print-directory test-rust test-python test-sdks

# Programs that tests run.
tools-core:
	@.ci/debian.sh faketime || [ $$? = 77 ]

tools-rust: tools-core
	@.ci/prometheus.sh
	@for tool in pkg-config cmake valgrind tmux; do .ci/debian.sh $$tool || [ $$? = 77 ] || exit 1; done

tools-python:
	@.ci/debian.sh openssl || [ $$? = 77 ]
	@.ci/debian.sh chromium || [ $$? = 77 ]
	@.ci/debian.sh chromedriver chromium-driver || [ $$? = 77 ]
	@for tool in curl jq; do .ci/debian.sh $$tool || [ $$? = 77 ] || exit 1; done
	@.ci/prometheus.sh

test-rust: tools-rust ## Run the Rust tests
	cargo test --workspace --exclude ictus-py --locked
	.ci/upgrade.sh

# Uses a separate folder, because other flags rebuild everything.
test-portable: tools-core ## Run the core's tests without the calls that only Linux has
	RUSTFLAGS="--cfg ictus_portable" cargo test --package ictus --locked --target-dir $(or $(CARGO_TARGET_DIR),target)/portable

test-python: tools-python .venv/wheel $(OLD_SDKS:%=.venv-%/wheel) $(ENDS:%=.venv-%/wheel) ## Run the Python tests, with three versions of the SDK, and with oldest and newest dependencies
	@.ci/python.sh .venv $(OLD_SDKS:%=.venv-%) $(ENDS:%=.venv-%)

# The library is built once more, with other flags: 5 minutes.
packages: .venv/wheel ## Build the packages of all languages into dist/packages
	@.ci/native.sh target/packages
	@.ci/packages.py build target/packages

release-check: .venv/wheel ## Build every package, check the rules of its registry, and install it in an empty project
	@.ci/release.sh dist/ictus-*.whl
	@.ci/sdist.sh dist/ictus-*.whl
	@.ci/native.sh target/packages
	@.ci/release_check.py target/packages

sdk-matrix: .venv/wheel ## Run workers of all 16 releases of the SDK, file and HTTP, killed and not; print the table (10 minutes)
	@.venv/bin/python py-binding/tests/sdk_matrix.py

sdk-mutants: .venv/wheel ## Change every release of the SDK in every way that a later one might differ; none may lose a metric (hours)
	@.venv/bin/python py-binding/tests/sdk_matrix.py mutants

# The number of programs of each kind that `make exit-loop` ends.
RUNS ?= 100
exit-loop: .venv/wheel ## End programs whose threads write metrics, RUNS=100 times each; none may be aborted (RUNS=100: 8 minutes)
	@.venv/bin/python py-binding/tests/exit_loop.py $(RUNS)

test-sdks: .venv/wheel ## Run the tests of the other languages, against the published SDKs of Conductor
	@.ci/sdks.sh

# Downloads 400 MB from Maven Central, once.
e2e: .venv/wheel $(E2E_SDKS:%=.venv-%/wheel) ## Run workers of four versions of the SDK, and of the SDKs for Go, JavaScript and Java, at a real Conductor server and a real Prometheus; compare their counts
	@.ci/debian.sh java openjdk-17-jre-headless
	@.ci/workers.sh target/ci/workers
	@.ci/prometheus.sh
	@.venv/bin/python -m pytest py-binding/e2e

# The other clients are the SDK's provider and prometheus_client's HTTP server. Without wrk, HTTP is
# skipped.
bench: .venv/ready .ci/debian.sh ## Measure Ictus and other clients; fails if a budget of benches/budgets.toml is exceeded
	@.ci/debian.sh wrk || [ $$? = 77 ]
	cargo bench --package ictus-benches --bench budgets --locked -- --hold
	cargo build --release --package ictus-ffi --locked
	benches/c/run.sh

bench-python: .venv/wheel ## Measure recording from Python, with other clients; fails if a budget is exceeded
	@.venv/bin/python benches/python/bench.py

results: .venv/wheel .ci/debian.sh ## Measure everything again and write benches/RESULTS.md (10 minutes on a quiet machine)
	@.ci/debian.sh wrk || [ $$? = 77 ]
	benches/results.sh

weaken: ## Weaken each memory ordering, one at a time, and run its test, which must fail (3 minutes)
	core/models/weaken.py

chaos: tools-core ## Kill, fork, delete files and fill disks for a minute, without losing an observation (ICTUS_CHAOS_SECONDS, ICTUS_CHAOS_SEED)
	ICTUS_CHAOS_SECONDS=$${ICTUS_CHAOS_SECONDS:-60} cargo test --release --package ictus --locked --test chaos -- --nocapture acknowledged

# The number of programs of `make differential`.
PROGRAMS ?= 10000
differential: ## Run PROGRAMS=10000 random programs of several processes on Ictus and on a model, and compare what they show
	ICTUS_PROGRAMS=$(PROGRAMS) cargo test --release --package ictus --locked --test differential -- --nocapture programs_equal

# ONLY=EMFILE runs the cells whose names contain that word.
faults: .venv/wheel ## Do to a recording program what hosts do, at each moment, from C, Rust, Python and the drop-in; print the table (8 minutes; needs root)
	ICTUS_FAULTS="--table $(if $(ONLY),--only $(ONLY)) c rust python dropin" FAULTS_PYTHON="$(CURDIR)/.venv/bin/python" cargo test --package ictus-ffi --locked --test faults -- --nocapture faults_of

# The duration of each target in seconds.
T ?= 60
fuzz: .venv/wheel ## Feed each fuzz target hostile input for T=60 seconds, and keep new inputs in fuzz/corpus
	@cargo install --locked --root target/tools cargo-fuzz
	@PATH="$(CURDIR)/target/tools/bin:$$PATH" fuzz/run.sh $(T)
	@.venv/bin/python -m pip -q --disable-pip-version-check install atheris==3.0.0
	@mkdir -p fuzz/corpus/python
	.venv/bin/python fuzz/python/boundary.py -max_total_time=$(T) -max_len=400 -verbosity=0 -print_final_stats=1 fuzz/corpus/python fuzz/python/seeds

# CHECKS=miri runs one of them; `.ci/sanitize.sh --help` lists them.
sanitize: ## Run unit tests of the core under AddressSanitizer, ThreadSanitizer and Miri, with a nightly Rust that it installs (CHECKS=miri)
	@.ci/sanitize.sh $(CHECKS)

attack: ## Attack `ictus serve` as hostile clients do, and print its memory (some minutes; ICTUS_ATTACK_SCALE)
	ICTUS_ATTACK_SCALE=$${ICTUS_ATTACK_SCALE:-5} cargo test --release --package ictus-exporter --locked --test attack -- --nocapture --test-threads=1

soak: .venv/wheel ## Record for 20 minutes from 8 processes that come and go; print the cost of an exporter as CSV
	@.venv/bin/python benches/soak/soak.py

# The version of mdBook. `cargo install` does nothing if it is already installed.
MDBOOK := 0.5.4
book: ## Build the docs as a site into target/book/site, and check its links
	@cargo install --locked --root target/tools --version $(MDBOOK) --no-default-features --features search mdbook
	@PATH="$(CURDIR)/target/tools/bin:$$PATH" .ci/book.py

coverage: tools-rust tools-python .venv/wheel $(OLD_SDKS:%=.venv-%/wheel) ## Report the lines that no test runs, by module (20 minutes); pages in target/coverage
	@.ci/coverage.sh .venv $(OLD_SDKS:%=.venv-%)

# Mutates the modules of core whose mistakes would be wrong numbers. Takes hours; SHARD=0/8 is every
# eighth mutant.
SHARD ?= 0/1
mutants: tools-core ## Change the core in small ways and check that a test fails (SHARD=0/8: every eighth change)
	@cargo install --locked --root target/tools cargo-mutants
	@PATH="$(CURDIR)/target/tools/bin:$$PATH" core/mutants.sh $(SHARD)

audit: ## Check dependencies for advisories, unknown licenses and unknown sources (needs GitHub, PyPI and osv.dev)
	@cargo install --locked --root target/tools cargo-deny
	target/tools/bin/cargo-deny --workspace check
	target/tools/bin/cargo-deny --manifest-path fuzz/Cargo.toml check advisories sources
	@python3 -m venv target/tools/pip-audit && target/tools/pip-audit/bin/pip -q install pip-audit
	target/tools/pip-audit/bin/pip-audit --requirement py-binding/requirements-dev.txt --requirement py-binding/requirements-api.txt
	@.ci/audit.sh

clean: ## Remove everything that was built
	rm -rf .venv .venv-* dist target

# Each of these files is created last, so its presence means that the step is complete.

.venv/ready: py-binding/requirements-dev.txt py-binding/requirements-api.txt .ci/venv.sh
	@PYTHON="$(PYTHON)" .ci/venv.sh .venv $(SDK) py-binding/requirements-api.txt
	@touch $@

.venv-lowest/ready: py-binding/requirements-lowest.txt .ci/venv.sh .ci/get_python.sh
	@PYTHONS=3.10 PYTHON="$(PYTHON)" .ci/venv.sh .venv-lowest - $<
	@touch $@

.venv-highest/ready: py-binding/requirements-highest.txt .ci/venv.sh .ci/get_python.sh
	@PYTHONS="3.14 3.13 3.12" PYTHON="$(PYTHON)" .ci/venv.sh .venv-highest - $<
	@touch $@

# Otherwise make would remove the file again, as an intermediate step.
.PRECIOUS: .venv-%/ready
.venv-%/ready: py-binding/requirements-dev.txt .ci/venv.sh
	@PYTHON="$(PYTHON)" .ci/venv.sh .venv-$* $*
	@touch $@

dist/wheel: .venv/ready .ci/wheel.sh $(WHEEL_SOURCES)
	@.ci/wheel.sh .venv
	@touch $@

%/wheel: %/ready dist/wheel
	@echo "Installing the wheel into $* ..."
	@$*/bin/python -m pip -qq uninstall --yes ictus
	@$*/bin/python -m pip -q --disable-pip-version-check install dist/ictus-*.whl
	@touch $@
