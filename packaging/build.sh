#!/usr/bin/env bash
# Build the program for a release: the same commit, tools and target give the same bytes, in any directory
# and at any time.
#
#   build.sh [TARGET]        for this machine, or for TARGET; into target/[TARGET/]release/mcpdump
#
# STRIP=none keeps the symbols; CARGO_TARGET_DIR and FEATURES (such as "--no-default-features") are honoured.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

root="$PWD"
home="${CARGO_HOME:-$HOME/.cargo}"
directory="${CARGO_TARGET_DIR:-$root/target}"
# Messages of panics name source files, and build scripts generate some. \x1f separates flags.
separator=$'\x1f'
flags="--remap-path-prefix=$home=/cargo"
flags="$flags${separator}--remap-path-prefix=$root=/mcpdump"
flags="$flags${separator}--remap-path-prefix=$directory=/target"
export CARGO_ENCODED_RUSTFLAGS="$flags"
export CFLAGS="${CFLAGS:-} -ffile-prefix-map=$home=/cargo -ffile-prefix-map=$directory=/target"
export CARGO_INCREMENTAL=0
export CARGO_PROFILE_RELEASE_STRIP="${STRIP:-symbols}"
# For what asks for the time: that of the commit.
SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2> /dev/null || echo 0)}"
export SOURCE_DATE_EPOCH
export TZ=UTC LC_ALL=C

target=()
[ -z "${1:-}" ] || target=(--target "$1")
# FEATURES holds several words.
# shellcheck disable=SC2086
exec "${CARGO:-cargo}" build --release --locked --bin mcpdump "${target[@]}" ${FEATURES:-}
