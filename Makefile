# mcpdump: `make run` builds it and opens a capture, `make test` runs the tests.

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
# Length of make soak.
SOAK_SECONDS ?= 3600
# The static build, which packages hold, and an archive of libpcap's source, if it is not to be fetched.
TRIPLE ?= $(shell uname -m)-unknown-linux-musl
LIBPCAP ?=

# Where man and the shells look for files under PREFIX.
BINDIR  = $(DESTDIR)$(PREFIX)/bin
MANDIR  = $(DESTDIR)$(PREFIX)/share/man/man1
BASHDIR = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR  = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISHDIR = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d

# CARGO_TARGET_DIR is cargo's own variable.
TARGET  = $(or $(CARGO_TARGET_DIR),target)
BINARY  = $(TARGET)/release/mcpdump
STATIC  = $(TARGET)/$(TRIPLE)/release/mcpdump
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
SOURCES = $(shell find src -name '*.rs') Cargo.toml Cargo.lock

MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.PHONY: help build run test lint analyzer tables properties e2e attacks work mutants fuzz corpus coverage faults soak foreign fleet-demo bench bench-peers install uninstall clean cargo libpcap components instructions
.PHONY: deny sbom static dist deb rpm reproducible package-files

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

build: $(BINARY) ## Build the program

run: build ## Build the program and open a capture (CAPTURE=FILE for another one)
	$(BINARY) $(CAPTURE)

test: cargo libpcap ## Run the tests
	PROPTEST_RNG_SEED=$(PROPTEST_RNG_SEED) $(CARGO) test --locked --lib --bins --tests

lint: cargo libpcap components ## Check format, lints and documentation
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items

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
	MCPDUMP=$(abspath $(BINARY)) $(CARGO) test --locked --test all -- hostile::large hostile::others hostile::served_page hostile::asked_about hostile::in_the_tui --ignored --nocapture --test-threads 1
	MCPDUMP=$(abspath $(BINARY)) $(CARGO) test --locked --test live hostile -- --ignored --nocapture

work: cargo libpcap ## Count the instructions that each attack takes, at two sizes (needs valgrind)
	$(CARGO) build --release --locked --bin mcpdump
	MCPDUMP=$(abspath $(BINARY)) $(CARGO) test --locked --test all hostile::counted -- --ignored --nocapture

mutants: cargo libpcap ## Run the analysis over 20,000 damaged captures, and check every output
	$(CARGO) test --locked --test all hostile::mutants::many -- --ignored --nocapture

fuzz: cargo libpcap ## Run each fuzz target: with cargo-fuzz for FUZZ_SECONDS, without it on 20,000 damaged captures
	@if $(CARGO) +nightly fuzz --version > /dev/null 2>&1; then \
		$(CARGO) test --locked --lib fuzz::tests::write_corpora -- --ignored && \
		for target in $$(ls fuzz/fuzz_targets | sed 's/\.rs//'); do \
			$(CARGO) +nightly fuzz run $$target -- -max_total_time=$(FUZZ_SECONDS) || exit 1; \
		done; \
	else \
		echo "cargo-fuzz or the nightly toolchain is missing: the targets run on damaged captures"; \
		FUZZ_RUNS=20000 $(CARGO) test --locked --lib fuzz:: ; \
	fi

corpus: cargo libpcap ## Minimize what fuzzing found to the corpora that make test replays (needs cargo-fuzz)
	$(CARGO) test --locked --lib fuzz::tests::write_corpora -- --ignored
	$(CARGO) +nightly fuzz build
	fuzz/minimize.sh

coverage: cargo libpcap ## Measure which lines of the layers the tests execute (needs llvm-tools of rustup)
	python3 tests/coverage/coverage.py $(TARGET)/coverage

faults: cargo libpcap ## Kill the program 1000 times while it writes packets, and open what it left
	KILLS=1000 $(CARGO) test --locked --test all faults:: -- --nocapture

soak: cargo libpcap ## Capture for SOAK_SECONDS under changing load and losses, as root; memory stays flat, nothing is lost
	$(CARGO) build --release --locked --bin mcpdump
	python3 tests/soak/soak.py $(BINARY) $(TARGET)/soak $(SOAK_SECONDS)

foreign: cargo libpcap ## Compare what is read of the captures in FOLDER, of other projects, with capinfos and tshark
	$(CARGO) build --release --locked --bin mcpdump
	$(CARGO) build --locked --example requests
	python3 tests/foreign/foreign.py $(BINARY) $(TARGET)/debug/examples/requests $(FOLDER)

fleet-demo: $(BINARY) ## Analyse an archive of 200 captures on a Spark cluster of this machine (needs Java 17 or later)
	@command -v java > /dev/null || { echo "java is missing: install a Java runtime, 17 or later" >&2; exit 1; }
	$(CARGO) build --release --locked --example multiply
	[ -x "$(TARGET)/fleet/venv/bin/python3" ] || python3 -m venv "$(TARGET)/fleet/venv"
	"$(TARGET)/fleet/venv/bin/pip" install --quiet pyspark==4.1.4 duckdb==2.0.1
	PATH="$(abspath $(TARGET)/fleet/venv/bin):$$PATH" python3 fleet/demo.py "$(BINARY)" "$(TARGET)/release/examples/multiply" "$(TARGET)/fleet/demo"

bench: cargo libpcap ## Run the benchmarks (criterion)
	$(CARGO) bench --locked

instructions: $(BINARY) ## Compare the instructions of report, export and list with benches/instructions.json (needs valgrind)
	@command -v valgrind > /dev/null || { echo "valgrind is missing: install it" >&2; exit 1; }
	python3 benches/instructions.py $(BINARY) benches/instructions.json

bench-peers: $(BINARY) ## Compare report with a bare copy and tshark on four captures of PEERS_MB megabytes
	$(CARGO) build --release --locked --example multiply
	python3 benches/peers.py $(BINARY) $(TARGET)/release/examples/multiply $(TARGET)/peers $(PEERS_MB)

deny: cargo ## Check licences, sources, versions and advisories of all crates (needs cargo-deny)
	$(CARGO) deny --locked check

sbom: cargo ## Write the bill of materials, target/mcpdump.cdx.json (needs cargo-cyclonedx)
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(CARGO) cyclonedx --format json --spec-version 1.5 --override-filename mcpdump.cdx
	mkdir -p $(TARGET)
	sed 's#$(CURDIR)#/mcpdump#g' mcpdump.cdx.json > $(TARGET)/mcpdump.cdx.json
	rm mcpdump.cdx.json

# The release: one build for all packages.
static: cargo ## Build the program for any Linux, linked statically with musl and libpcap (needs musl-tools, flex, bison)
	rustup target add $(TRIPLE)
	packaging/libpcap-musl.sh $(TARGET)/libpcap-musl $(LIBPCAP)
	LIBPCAP_LIBDIR=$(abspath $(TARGET)/libpcap-musl) LIBPCAP_VER=1.10.3 packaging/build.sh $(TRIPLE)

# What packages hold beside the program.
package-files:
	rm -rf $(TARGET)/package
	install -d $(TARGET)/package/man $(TARGET)/package/completions
	$(STATIC) man $(TARGET)/package/man
	$(STATIC) completions bash > $(TARGET)/package/completions/mcpdump
	$(STATIC) completions zsh > $(TARGET)/package/completions/_mcpdump
	$(STATIC) completions fish > $(TARGET)/package/completions/mcpdump.fish

dist: ## Pack what make static built, with its checksum, into target/dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) packaging/archive.py $(STATIC) $(VERSION) $(TRIPLE) $(TARGET)/dist

deb: package-files ## Make a Debian package of what make static built (needs cargo-deb)
	$(CARGO) deb --no-build --no-strip --target $(TRIPLE) --output $(TARGET)/dist/

rpm: package-files ## Make an RPM package of what make static built (needs cargo-generate-rpm)
	install -d $(TARGET)/dist
	$(CARGO) generate-rpm --target $(TRIPLE) --auto-req disabled --output $(TARGET)/dist/

reproducible: cargo libpcap ## Build the last commit twice, in two directories, and compare the bytes
	packaging/reproducible.sh $(TARGET)/reproducible

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
