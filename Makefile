# mcpdump: `make run` builds it and opens a capture, `make test` checks everything.

CARGO   ?= cargo
CAPTURE ?= captures/hackernews-sse.pcapng
PREFIX  ?= /usr/local
# Seconds for each fuzz target.
FUZZ_SECONDS ?= 60
# The same values in every `make test`, so that the same code gives the same result.
PROPTEST_RNG_SEED ?= 1
# Values for each property test in `make properties`.
PROPTEST_CASES ?= 2000
# Size of each capture of `make bench-peers`.
PEERS_MB ?= 100
DESTDIR ?=

# Where man and the shells look for files under PREFIX.
BINDIR  = $(DESTDIR)$(PREFIX)/bin
MANDIR  = $(DESTDIR)$(PREFIX)/share/man/man1
BASHDIR = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR  = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISHDIR = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d

# CARGO_TARGET_DIR is cargo's own variable.
TARGET  = $(or $(CARGO_TARGET_DIR),target)
BINARY  = $(TARGET)/release/mcpdump
SOURCES = $(shell find src -name '*.rs') Cargo.toml Cargo.lock

MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.PHONY: help build run test analyzer tables properties e2e attacks work mutants fuzz fleet-demo bench bench-peers install uninstall clean cargo libpcap components

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

build: $(BINARY) ## Build the program

run: build ## Build the program and open a capture (CAPTURE=FILE for another one)
	$(BINARY) $(CAPTURE)

test: cargo libpcap components ## Check format, lints and documentation, and run the tests
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items
	PROPTEST_RNG_SEED=$(PROPTEST_RNG_SEED) $(CARGO) test --locked --lib --bins --tests

analyzer: cargo libpcap components ## Check the analyzer alone: no server, no traffic (--no-default-features)
	$(CARGO) clippy --locked --all-targets --no-default-features -- -D warnings
	$(CARGO) test --locked --no-default-features --lib cli::

tables: cargo libpcap components ## Check export --to parquet, which is no default feature
	$(CARGO) clippy --locked --all-targets --features parquet -- -D warnings
	$(CARGO) test --locked --features parquet --lib export::
	$(CARGO) test --locked --features parquet --test all formats::

properties: cargo libpcap ## Run the property tests on new random values, PROPTEST_CASES each
	PROPTEST_CASES=$(PROPTEST_CASES) $(CARGO) test --locked --lib
	PROPTEST_CASES=$(PROPTEST_CASES) $(CARGO) test --locked --test all

e2e: cargo libpcap ## Test the server with the MCP conformance suite, SDK clients and the Inspector, and the HTML report
	$(CARGO) build --locked --features parquet
	python3 tests/e2e/run.py $(TARGET)/debug/mcpdump $(TARGET)/e2e

attacks: cargo libpcap ## Run the large attacks on memory and time, and print their cost
	$(CARGO) build --release --locked --bin mcpdump
	MCPDUMP=$(abspath $(BINARY)) $(CARGO) test --locked --test all -- hostile::large hostile::others hostile::served_page hostile::in_the_tui --ignored --nocapture --test-threads 1
	MCPDUMP=$(abspath $(BINARY)) $(CARGO) test --locked --test live hostile -- --ignored --nocapture

work: cargo libpcap ## Count the instructions that each attack takes, at two sizes (needs valgrind)
	$(CARGO) build --release --locked --bin mcpdump
	MCPDUMP=$(abspath $(BINARY)) $(CARGO) test --locked --test all hostile::counted -- --ignored --nocapture

mutants: cargo libpcap ## Run the analysis over 20,000 damaged captures, and check every output
	$(CARGO) test --locked --test all hostile::mutants::many -- --ignored --nocapture

fuzz: cargo libpcap ## Run each fuzz target: with cargo-fuzz for FUZZ_SECONDS, without it on 20,000 damaged captures
	@if $(CARGO) +nightly fuzz --version > /dev/null 2>&1; then \
		$(CARGO) test --locked --lib fuzz::tests::write_seeds -- --ignored && \
		for target in $$(ls fuzz/fuzz_targets | sed 's/\.rs//'); do \
			$(CARGO) +nightly fuzz run $$target -- -max_total_time=$(FUZZ_SECONDS) || exit 1; \
		done; \
	else \
		echo "cargo-fuzz or the nightly toolchain is missing: the targets run on damaged captures"; \
		FUZZ_RUNS=20000 $(CARGO) test --locked --lib fuzz:: ; \
	fi

fleet-demo: $(BINARY) ## Analyse an archive of 200 captures on a Spark cluster of this machine (needs Java 17 or later)
	@command -v java > /dev/null || { echo "java is missing: install a Java runtime, 17 or later" >&2; exit 1; }
	$(CARGO) build --release --locked --example multiply
	[ -x "$(TARGET)/fleet/venv/bin/python3" ] || python3 -m venv "$(TARGET)/fleet/venv"
	"$(TARGET)/fleet/venv/bin/pip" install --quiet pyspark==4.1.4 duckdb==2.0.1
	PATH="$(abspath $(TARGET)/fleet/venv/bin):$$PATH" python3 fleet/demo.py "$(BINARY)" "$(TARGET)/release/examples/multiply" "$(TARGET)/fleet/demo"

bench: cargo libpcap ## Run the benchmarks (criterion)
	$(CARGO) bench --locked

bench-peers: $(BINARY) ## Compare report with a bare copy and tshark on four captures of PEERS_MB megabytes
	$(CARGO) build --release --locked --example multiply
	python3 benches/peers.py $(BINARY) $(TARGET)/release/examples/multiply $(TARGET)/peers $(PEERS_MB)

# Not rebuilt if it is up to date, so that root needs no cargo in `make build && sudo make install`.
$(BINARY): $(SOURCES)
	@$(MAKE) cargo libpcap
	$(CARGO) build --release --locked
	@touch $@

install: $(BINARY) ## Install program, manual pages and completions under PREFIX (/usr/local)
	install -d "$(BINDIR)" "$(MANDIR)" "$(BASHDIR)" "$(ZSHDIR)" "$(FISHDIR)"
	install -m 755 $(BINARY) "$(BINDIR)/mcpdump"
	$(BINARY) man "$(MANDIR)"
	$(BINARY) completions bash > "$(BASHDIR)/mcpdump"
	$(BINARY) completions zsh > "$(ZSHDIR)/_mcpdump"
	$(BINARY) completions fish > "$(FISHDIR)/mcpdump.fish"

uninstall: ## Remove the installed files
	rm -f "$(BINDIR)/mcpdump" "$(MANDIR)/mcpdump.1" "$(MANDIR)"/mcpdump-*.1
	rm -f "$(BASHDIR)/mcpdump" "$(ZSHDIR)/_mcpdump" "$(FISHDIR)/mcpdump.fish"

clean: ## Remove all build results
	$(CARGO) clean

cargo:
	@command -v $(CARGO) > /dev/null || { echo "cargo is missing: install Rust from https://rustup.rs" >&2; exit 1; }

components:
	@$(CARGO) fmt --version > /dev/null 2>&1 || \
		{ echo "rustfmt is missing: rustup component add rustfmt" >&2; exit 1; }
	@$(CARGO) clippy --version > /dev/null 2>&1 || \
		{ echo "clippy is missing: rustup component add clippy" >&2; exit 1; }

# Link a program with libpcap, as the build will: its packages differ between systems.
LINKS = printf 'int main(void) { return 0; }' | cc -x c - -lpcap -o /dev/null 2> /dev/null

libpcap:
	@$(LINKS) || $(MAKE) libpcap-install

.PHONY: libpcap-install
libpcap-install:
	@echo "installing a C compiler and libpcap's headers"
	@root=; [ "$$(id -u)" = 0 ] || root=sudo; \
	if command -v apt-get > /dev/null; then \
		$$root apt-get install -y --no-install-recommends gcc libc6-dev libpcap-dev || \
		{ $$root apt-get update && $$root apt-get install -y --no-install-recommends gcc libc6-dev libpcap-dev; }; \
	elif command -v dnf > /dev/null; then $$root dnf install -y gcc libpcap-devel; \
	elif command -v pacman > /dev/null; then $$root pacman -S --needed --noconfirm gcc libpcap; \
	elif command -v apk > /dev/null; then $$root apk add build-base libpcap-dev; \
	elif command -v brew > /dev/null; then brew install libpcap; \
	fi
	@$(LINKS) || { echo "linking with libpcap failed: install a C compiler and libpcap's development package" >&2; exit 1; }
