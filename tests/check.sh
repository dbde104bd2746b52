#!/bin/sh
# SPDX-License-Identifier: MIT
# Build and test everything, on a fresh Debian machine too:
#   sh tests/check.sh [--long]
# As root it installs the packages it needs, and starts none of their services; otherwise it says which. --long repeats the system
# tests and runs all of CPython's tests and the benchmarks. With CI=true a test that had to be skipped is a failure.
# At the end it says again which tests failed, with the end of what they printed. The last line is
# "N passed, M failed, K skipped".

cd "$(dirname "$0")/.." || exit 1
. tests/bed/packages.sh
# shellcheck disable=SC2086
need_packages $TEST_PACKAGES || exit 1

passed=0 failed=0 skipped=0 failures=
long=${1:-}

build() # FOLDER MESON-OPTION...
{
    folder=$1
    shift
    [ -e "$folder/build.ninja" ] || meson setup "$folder" "$@" >"$folder.log" 2>&1 ||
        { cat "$folder.log"; return 1; }
    rm -f "$folder.log"
    ninja -C "$folder" || return 1
}

# Meson's own count of its tests.
count() # OUTPUT
{
    passed=$((passed + $(sed -n 's/^Ok: *\([0-9]*\).*/\1/p' "$1" | tail -1)))
    for word in Fail 'Unexpected Pass' Timeout; do
        failed=$((failed + $(sed -n "s/^$word: *\\([0-9]*\\).*/\\1/p" "$1" | tail -1)))
    done
    skipped=$((skipped + $(sed -n 's/^Skipped: *\([0-9]*\).*/\1/p' "$1" | tail -1)))
}

run_tests() # FOLDER MESON-TEST-ARGUMENT...
{
    folder=$1
    shift
    echo "== tests in $folder: $*"
    meson test -C "$folder" --print-errorlogs --num-processes "$(nproc)" "$@" >"$folder/check.out" 2>&1
    status=$?
    grep -v '^ninja:' "$folder/check.out"
    if grep -q '^Ok:' "$folder/check.out"; then
        count "$folder/check.out"
        failures=$(printf '%s\n%s' "$failures" "$(python3 tests/failures.py "$folder/meson-logs/testlog.json")")
    else
        failed=$((failed + 1))
    fi
    return $status
}

# With AddressSanitizer and UndefinedBehaviorSanitizer. The suite `preload` is about programs that
# are built without them; the system tests run ordinary programs with a sanitized agent behind.
sanitized()
{
    reports=$PWD/build-asan/reports
    rm -rf "$reports"
    mkdir -p "$reports"
    export ASAN_OPTIONS="detect_leaks=1" UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1"
    run_tests build-asan -t 4 --no-suite system --no-suite lint --no-suite preload --no-suite model
    export ASAN_OPTIONS="detect_leaks=1:log_path=$reports/address"
    export UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1:log_path=$reports/undefined"
    export EXIT_RUNS=20
    run_tests build-asan -t 2 transfer failover policy hostile plain-peer window exit
    unset ASAN_OPTIONS UBSAN_OPTIONS EXIT_RUNS
    if [ -n "$(ls "$reports")" ]; then
        echo "sanitizer reports of agents:"
        cat "$reports"/*
        failed=$((failed + 1))
    fi
}

if build build; then
    run_tests build
else
    failed=$((failed + 1))
fi
if build build-asan -Db_sanitize=address,undefined -Db_lundef=false -Dinvariants=true \
    -Dc_args=-fno-sanitize-recover=all; then
    sanitized
else
    failed=$((failed + 1))
fi
if [ "$long" = --long ]; then
    export EXIT_RUNS=200 PHONE_SECONDS=60
    run_tests build --suite system --repeat 5
    for program in "python3 tests/suites/python.py build" \
        "build/tests/sim/sim --random 10000" \
        "build/tests/sim/sim --random 10000 --scenario paths"; do
        if $program; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
        fi
    done
    sh tests/system/programs/run.sh || failed=$((failed + 1))
    meson test -C build --benchmark --verbose || failed=$((failed + 1))
fi

if [ "${CI:-}" = true ] && [ $skipped -gt 0 ]; then
    echo "skipped tests count as failures here"
fi
[ -z "$failures" ] || printf '%s\n' "$failures"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ] && { [ "${CI:-}" != true ] || [ $skipped = 0 ]; }
