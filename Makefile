# mcpdump: `make run` builds it and opens a capture, `make test` checks everything.

CARGO   ?= cargo
CAPTURE ?= captures/hackernews-sse.pcapng
PREFIX  ?= /usr/local
DESTDIR ?=

# Where things go under PREFIX: the places that man and the shells look in.
BINDIR  = $(DESTDIR)$(PREFIX)/bin
MANDIR  = $(DESTDIR)$(PREFIX)/share/man/man1
BASHDIR = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR  = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISHDIR = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d

# cargo's own variable, where it is set.
TARGET  = $(or $(CARGO_TARGET_DIR),target)
BINARY  = $(TARGET)/release/mcpdump
SOURCES = $(shell find src -name '*.rs') Cargo.toml Cargo.lock

MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.PHONY: help build run test e2e bench install uninstall clean cargo libpcap components

help: ## Says what can be made
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

build: $(BINARY) ## Builds the program

run: build ## Builds the program and opens a capture (CAPTURE=FILE for another)
	$(BINARY) $(CAPTURE)

test: cargo libpcap components ## Checks format, lints and documentation, and runs the tests
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items
	$(CARGO) test --locked

e2e: cargo libpcap ## Lets others judge the server: the MCP conformance suite, SDK clients, the Inspector
	$(CARGO) build --locked
	python3 tests/e2e/run.py $(TARGET)/debug/mcpdump $(TARGET)/e2e

bench: cargo libpcap ## Measures the speed (criterion)
	$(CARGO) bench --locked

# Not built anew where it is up to date: in `make build && sudo make install` root needs no cargo.
$(BINARY): $(SOURCES)
	@$(MAKE) cargo libpcap
	$(CARGO) build --release --locked
	@touch $@

install: $(BINARY) ## Installs program, manual pages and completions under PREFIX (/usr/local)
	install -d "$(BINDIR)" "$(MANDIR)" "$(BASHDIR)" "$(ZSHDIR)" "$(FISHDIR)"
	install -m 755 $(BINARY) "$(BINDIR)/mcpdump"
	$(BINARY) man "$(MANDIR)"
	$(BINARY) completions bash > "$(BASHDIR)/mcpdump"
	$(BINARY) completions zsh > "$(ZSHDIR)/_mcpdump"
	$(BINARY) completions fish > "$(FISHDIR)/mcpdump.fish"

uninstall: ## Removes what install put there
	rm -f "$(BINDIR)/mcpdump" "$(MANDIR)/mcpdump.1" "$(MANDIR)"/mcpdump-*.1
	rm -f "$(BASHDIR)/mcpdump" "$(ZSHDIR)/_mcpdump" "$(FISHDIR)/mcpdump.fish"

clean: ## Removes what was built
	$(CARGO) clean

cargo:
	@command -v $(CARGO) > /dev/null || { echo "cargo is missing: install Rust from https://rustup.rs" >&2; exit 1; }

components:
	@$(CARGO) fmt --version > /dev/null 2>&1 || \
		{ echo "rustfmt is missing: rustup component add rustfmt" >&2; exit 1; }
	@$(CARGO) clippy --version > /dev/null 2>&1 || \
		{ echo "clippy is missing: rustup component add clippy" >&2; exit 1; }

# Whether a program links with libpcap is the question that the build will ask; how its headers are packaged differs.
LINKS = printf 'int main(void) { return 0; }' | cc -x c - -lpcap -o /dev/null 2> /dev/null

libpcap:
	@$(LINKS) || $(MAKE) libpcap-install

.PHONY: libpcap-install
libpcap-install:
	@echo "A C compiler or libpcap's headers are missing: installing them."
	@root=; [ "$$(id -u)" = 0 ] || root=sudo; \
	if command -v apt-get > /dev/null; then \
		$$root apt-get install -y --no-install-recommends gcc libc6-dev libpcap-dev || \
		{ $$root apt-get update && $$root apt-get install -y --no-install-recommends gcc libc6-dev libpcap-dev; }; \
	elif command -v dnf > /dev/null; then $$root dnf install -y gcc libpcap-devel; \
	elif command -v pacman > /dev/null; then $$root pacman -S --needed --noconfirm gcc libpcap; \
	elif command -v apk > /dev/null; then $$root apk add build-base libpcap-dev; \
	elif command -v brew > /dev/null; then brew install libpcap; \
	fi
	@$(LINKS) || { echo "libpcap cannot be linked: install a C compiler and libpcap's development package" >&2; exit 1; }
