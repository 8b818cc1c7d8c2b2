#!/usr/bin/env bash
# The step of the action in action.yml: annotations to standard output, a summary of the job, files if
# they are wanted. Ends with the status of `mcpdump check`. Inputs are variables MCPDUMP_NAME.
set -euo pipefail

# Adds an option for each line of a text that is not empty.
add_lines() {
    local line
    while IFS= read -r line; do
        [ -z "${line// /}" ] || options+=("$1" "$line")
    done <<< "$2"
}

options=(--fail-on "${MCPDUMP_FAIL_ON:-warning}")
add_lines --slo "${MCPDUMP_SLO:-}"
add_lines --ignore "${MCPDUMP_IGNORE:-}"
[ -z "${MCPDUMP_BASELINE:-}" ] || options+=(--baseline "$MCPDUMP_BASELINE")
[ -z "${MCPDUMP_FILTER:-}" ] || options+=(--filter "$MCPDUMP_FILTER")

# A line is a pattern, also with spaces. One that matches nothing stays and is reported as missing.
files=()
while IFS= read -r pattern; do
    [ -n "${pattern// /}" ] || continue
    mapfile -t found < <(compgen -G "$pattern" || printf '%s\n' "$pattern")
    for file in "${found[@]}"; do
        # Not an option.
        case "$file" in -*) file="./$file" ;; esac
        files+=("$file")
    done
done <<< "${MCPDUMP_FILES:-}"
if [ "${#files[@]}" = 0 ]; then
    echo "::error::mcpdump check: no captures are named (input files)"
    exit 2
fi

# Writes the verdict in another format; what it says was said already.
also() {
    local status=0
    mcpdump check "${options[@]}" --format "$1" "${files[@]}" >> "$2" || status=$?
    [ "$status" -lt 2 ]
}

status=0
mcpdump check "${options[@]}" --format github "${files[@]}" || status=$?
[ "$status" -lt 2 ] || exit "$status"
[ -z "${GITHUB_STEP_SUMMARY:-}" ] || also markdown "$GITHUB_STEP_SUMMARY"
for form in sarif junit; do
    name="MCPDUMP_${form^^}"
    [ -z "${!name:-}" ] || { : > "${!name}"; also "$form" "${!name}"; }
done
exit "$status"
