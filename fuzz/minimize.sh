#!/bin/sh
# Makes the corpora of the repository, fuzz/corpora/TARGET.tar.gz, of those that fuzzing left in
# fuzz/corpus/TARGET: the fewest inputs that reach the same code, none longer than MOST bytes.
#
# usage: fuzz/minimize.sh [TARGET...]
#
# The targets were built by `cargo +nightly fuzz build`, or BINARIES names the directory of them.
set -eu
cd "$(dirname "$0")"
: "${MOST:=4096}"
: "${BINARIES:=target/$(rustc -vV | sed -n 's/^host: //p')/release}"
[ $# -gt 0 ] || set -- $(ls fuzz_targets | sed 's/\.rs$//')

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p corpora
for target in "$@"; do
    mkdir "$work/$target"
    # Edges alone count: how often each was taken would keep ten times as many.
    "$BINARIES/$target" -merge=1 -set_cover_merge=1 -use_counters=0 -max_len="$MOST" -rss_limit_mb=4096 \
        "$work/$target" "corpus/$target" > "$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
    # The same inputs give the same bytes.
    tar -C "$work" --format=ustar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - "$target" |
        gzip -9n > "corpora/$target.tar.gz"
    echo "$target: $(ls "$work/$target" | wc -l) inputs, $(wc -c < "corpora/$target.tar.gz") bytes"
done
