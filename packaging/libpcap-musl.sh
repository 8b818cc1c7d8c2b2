#!/usr/bin/env bash
# Build libpcap as a static library for musl: captures on devices and BPF filters, without D-Bus, USB,
# Bluetooth, RDMA and remote capture.
#
#   libpcap-musl.sh DIRECTORY [libpcap-1.10.3.tar.gz]
#
# Puts libpcap.a into DIRECTORY. Without an archive it is fetched. Needs musl-gcc (musl-tools), flex, bison
# and the kernel's headers (linux-libc-dev).
set -euo pipefail

version=1.10.3
checksum=2a8885c403516cf7b0933ed4b14d6caa30e02052489ebd414dc75ac52e7559e6

mkdir -p "$1"
directory="$(cd "$1" && pwd)"
archive="${2:-}"
if [ -z "$archive" ]; then
    archive="$directory/libpcap-$version.tar.gz"
    curl --proto '=https' --fail --silent --show-error --location --output "$archive" \
        "https://www.tcpdump.org/release/libpcap-$version.tar.gz"
fi
echo "$checksum  $archive" | sha256sum --check --quiet

# musl-gcc knows musl's headers only; those of the kernel are the system's.
headers="$directory/headers"
mkdir -p "$headers"
system="/usr/include/$(uname -m)-linux-gnu"
[ -d "$system/asm" ] || system=/usr/include
ln -sfn "$system/asm" "$headers/asm"
ln -sfn /usr/include/asm-generic "$headers/asm-generic"
ln -sfn /usr/include/linux "$headers/linux"

rm -rf "$directory/source"
mkdir "$directory/source"
tar -xzf "$archive" -C "$directory/source" --strip-components 1
cd "$directory/source"
# The same bytes wherever it is built.
CC=musl-gcc CFLAGS="-O2 -isystem $headers -ffile-prefix-map=$directory=/libpcap" ./configure --quiet \
    --host="$(uname -m)-linux-musl" --disable-shared --disable-dbus --disable-usb --disable-bluetooth \
    --disable-rdma --disable-remote --without-libnl --without-dag --without-snf --without-turbocap
make --quiet -j2 libpcap.a
cp libpcap.a "$directory/libpcap.a"
