# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Two links as a moving phone has them: rates and outages change each second. Sourced after bed.sh.

now()
{
    date +%s.%N
}

calc() # AWK-EXPRESSION
{
    awk "BEGIN { printf(\"%.3f\", ($1)) }"
}

# One line per second: the rates of both links in Mbit/s, 0 for an outage. An outage lasts one to
# three seconds; the rates wander like those of a moving phone.
phone_trace() # SEED SECONDS
{
    awk -v seed="$1" -v seconds="$2" 'BEGIN {
        srand(seed)
        r[1] = 30; r[2] = 20
        for (s = 0; s < seconds; s++) {
            for (i = 1; i <= 2; i++) {
                r[i] *= exp((rand() - 0.5) * 1.6)
                if (r[i] > 60) r[i] = 60
                if (r[i] < 4) r[i] = 4
                if (out[i] > 0) out[i]--
                else if (s > 2 && rand() < 0.08) out[i] = 1 + int(rand() * 3)
            }
            printf("%d %d\n", (out[1] > 0 ? 0 : r[1]), (out[2] > 0 ? 0 : r[2]))
        }
    }'
}

phone_step() # LINK MBIT
{
    if [ "$2" = 0 ]; then bed_link "$1" cut; else bed_link "$1" rate "$2mbit" up; fi
}

# Sets links by the trace in $BED_TMP/phone until the process ends; $BED_TMP/phone.log tells when
# each second began.
phone_drive() # PID
{
    phone_next=$(now)
    while read -r mbit1 mbit2; do
        kill -0 "$1" 2>/dev/null || break
        phone_step 1 "$mbit1"
        phone_step 2 "$mbit2"
        echo "$(now) $mbit1 $mbit2"
        # Not a second after the other, or errors add up.
        phone_next=$(calc "$phone_next + 1")
        sleep "$(calc "($phone_next - $(now)) > 0 ? $phone_next - $(now) : 0")"
    done <"$BED_TMP/phone" >"$BED_TMP/phone.log"
}

# Of the bytes that the links could carry until END, the part that BYTES are. Both are the
# program's: of a packet of 1500 bytes on a link, 1448 are (IPv4, TCP with timestamps).
phone_part() # COUNT-LINK-1 COUNT-LINK-2 "END BYTES"
{
    echo "$3" | awk -v k1="$1" -v k2="$2" -v log_="$BED_TMP/phone.log" '
        { end = $1; bytes = $2 }
        END {
            while ((getline line < log_) > 0) {
                split(line, f, " ")
                if (n++ && f[1] > last) sum += rate * ((f[1] < end ? f[1] : end) - last)
                last = f[1]; rate = (k1 * f[2] + k2 * f[3]) * 125000
                if (last >= end) break
            }
            if (last < end) sum += rate * (end - last)
            printf "%.3f", bytes / (sum * 1448 / 1500)
        }'
}

