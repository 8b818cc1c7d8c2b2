#!/usr/bin/env bash
# Build the last commit twice, in directories with names of different lengths, and compare the programs.
#
#   reproducible.sh DIRECTORY [TARGET]
set -euo pipefail
source="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
mkdir -p "$1"
directory="$(cd "$1" && pwd)"

# Resolved once: somebody may commit during the first build.
commit="$(git -C "$source" rev-parse HEAD)"
SOURCE_DATE_EPOCH="$(git -C "$source" log -1 --format=%ct "$commit")"
export SOURCE_DATE_EPOCH
sums=() programs=()
for name in one another/deeper; do
    rm -rf "${directory:?}/$name"
    mkdir -p "$directory/$name"
    git -C "$source" archive "$commit" | tar -x -C "$directory/$name"
    CARGO_TARGET_DIR="$directory/$name/built" "$directory/$name/packaging/build.sh" "${2:-}"
    program="$directory/$name/built/${2:+$2/}release/mcpdump"
    if grep -qaF "$directory" "$program"; then
        echo "$program: names the directory that it was built in" >&2
        exit 1
    fi
    sum="$(sha256sum "$program" | cut -d ' ' -f 1)"
    echo "$sum  $name"
    sums+=("$sum")
    programs+=("$program")
done
if [ "${sums[0]}" != "${sums[1]}" ]; then
    echo "the two builds differ: diffoscope ${programs[*]} shows where" >&2
    exit 1
fi
echo "both builds are the same bytes"
