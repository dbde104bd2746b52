# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The table of the programs, from the runs in $PROGRAMS_JSON. Sourced.

row_of() # CASE-FILE: what its row is called
{
    sed -n '2s/^# //p' "$1"
}

table()
{
    echo "| program | both ends | client only | server only |"
    echo "| --- | --- | --- | --- |"
    jq -rs 'group_by(.program)[] | .[0].program as $name | (map({(.mode): .result}) | add) as $of
        | ["shim/shim", "shim/plain", "plain/shim"] | map($of[.] // "not run")
        | "| \($name) | \(join(" | ")) |"' "$PROGRAMS_JSON"
}

write_readme() # TABLE README
{
    awk -v table="$1" '
        /^<!-- programs: / { print; while ((getline line < table) > 0) print line; inside = 1; next }
        /^<!-- programs end/ { inside = 0 }
        !inside' "$2" >"$BED_TMP/readme" && cat "$BED_TMP/readme" >"$2"
}
