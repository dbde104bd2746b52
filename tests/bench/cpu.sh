# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The CPU time of all processes of the test bed's hosts: of those that live on, as their threads
# have it, and of those that this shell has waited for. Called in this very shell: one in between
# has no times of its own children. Work of the kernel that no process asked for does not count.

bench_cpu_living() # HOST...: "PID SECONDS"
{
    for bench_host in "$@"; do
        for bench_p in $(ip netns pids "$BED_ID-$bench_host"); do
            cat "/proc/$bench_p/task"/*/schedstat 2>/dev/null |
                awk -v p="$bench_p" '{ s += $1 } END { print p, s / 1e9 }'
        done
    done
}

bench_cpu_ended() # "ended SECONDS"
{
    times >"$BED_TMP/times"
    awk 'NR == 2 { split($1 "m" $2, t, "[ms]+"); print "ended", t[1] * 60 + t[2] + t[3] * 60 + t[4] }' \
        "$BED_TMP/times"
}

bench_cpu_begin() # HOST...
{
    bench_cpu_living "$@" >"$BED_TMP/cpu-before"
    bench_cpu_ended >>"$BED_TMP/cpu-before"
}

bench_cpu_end() # HOST...: the seconds since then in $cpu
{
    bench_cpu_ended >"$BED_TMP/cpu-after"
    bench_cpu_living "$@" >>"$BED_TMP/cpu-after"
    # shellcheck disable=SC2034
    cpu=$(awk 'NR == FNR { was[$1] = $2; next } { sum += $2 - was[$1] } END { print sum }' \
        "$BED_TMP/cpu-before" "$BED_TMP/cpu-after")
}
