#!/bin/sh
# Install a release of mcpdump: fetch the archive for this machine, compare its checksum, put program, manual
# pages and completions under PREFIX.
#
#   sh install.sh VERSION
#
#   MCPDUMP_RELEASES  where releases are: https://…, or file:///… (default: where this file was released)
#   PREFIX            where it goes (default: /usr/local as root, else ~/.local)
#   MCPDUMP_TARGET    the build to take (default: the static one for this processor)
set -eu

# The release workflow puts the address of the releases here.
releases="${MCPDUMP_RELEASES:-}"

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

# Fetches $1 into the file $2.
fetch() {
    case "$1" in
        file://*) cp "${1#file://}" "$2" ;;
        https://* | http://127.0.0.1:* | http://localhost:*)
            if command -v curl > /dev/null; then
                curl --fail --silent --show-error --location --proto-redir '=https' --output "$2" "$1"
            elif command -v wget > /dev/null; then
                wget --quiet --output-document="$2" "$1"
            else
                fail "curl and wget are missing: install one of them"
            fi
            ;;
        *) fail "$1: the address of the releases must begin with https:// or file://" ;;
    esac || fail "$1: cannot be fetched"
}

sum() {
    if command -v sha256sum > /dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

# All of it is a function, so that a file that arrived in part does nothing.
main() {
    version="${1:-}"
    [ -n "$version" ] || fail "name a version: sh install.sh VERSION"
    [ -n "$releases" ] || fail "MCPDUMP_RELEASES is not set: name the address of the releases"
    if [ -z "${PREFIX:-}" ]; then
        if [ "$(id -u)" = 0 ]; then PREFIX=/usr/local; else PREFIX="$HOME/.local"; fi
    fi
    case "$(uname -s) $(uname -m)" in
        "Linux x86_64") found=x86_64-unknown-linux-musl ;;
        "Linux aarch64") found=aarch64-unknown-linux-musl ;;
        "Darwin x86_64") found=x86_64-apple-darwin ;;
        "Darwin arm64") found=aarch64-apple-darwin ;;
        *) found= ;;
    esac
    target="${MCPDUMP_TARGET:-$found}"
    [ -n "$target" ] || fail "there is no build for $(uname -s) on $(uname -m): build it from source (README.md)"
    name="mcpdump-$version-$target"

    directory="$(mktemp -d)"
    trap 'rm -rf "$directory"' EXIT
    trap 'exit 1' HUP INT TERM
    fetch "$releases/v$version/SHA256SUMS" "$directory/SHA256SUMS"
    fetch "$releases/v$version/$name.tar.gz" "$directory/$name.tar.gz"
    expected="$(awk -v name="$name.tar.gz" '$2 == name { print $1 }' "$directory/SHA256SUMS")"
    [ "${#expected}" = 64 ] || fail "$name.tar.gz: SHA256SUMS has no checksum of it"
    actual="$(sum "$directory/$name.tar.gz")"
    [ "$actual" = "$expected" ] ||
        fail "$name.tar.gz: its checksum is $actual, SHA256SUMS has $expected; nothing was installed"

    tar -xzf "$directory/$name.tar.gz" -C "$directory"
    from="$directory/$name"
    [ -f "$from/mcpdump" ] || fail "$name.tar.gz: has no program"
    install -d "$PREFIX/bin" "$PREFIX/share/man/man1"
    install -m 755 "$from/mcpdump" "$PREFIX/bin/mcpdump"
    for page in "$from"/man/*.1; do
        [ ! -f "$page" ] || install -m 644 "$page" "$PREFIX/share/man/man1/"
    done
    for pair in mcpdump.bash:bash-completion/completions/mcpdump _mcpdump:zsh/site-functions/_mcpdump \
        mcpdump.fish:fish/vendor_completions.d/mcpdump.fish; do
        if [ -f "$from/completions/${pair%%:*}" ]; then
            install -d "$(dirname "$PREFIX/share/${pair#*:}")"
            install -m 644 "$from/completions/${pair%%:*}" "$PREFIX/share/${pair#*:}"
        fi
    done
    echo "mcpdump $version is in $PREFIX/bin"
}

main "$@"
