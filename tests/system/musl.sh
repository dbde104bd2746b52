#!/bin/sh
# SPDX-License-Identifier: MIT
# A program whose libc is musl, in a shimmed tree: it runs, and its connections are multipath.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need jq jq
need musl-gcc musl-tools

MEGABYTES=8

fetch=$BED_TMP/libc-fetch
ok "it is built" musl-gcc -O1 -Wall -Wextra -Werror -pthread -o "$fetch" \
    "$BED_SOURCE/tests/preload/libc_fetch.c"
cat >"$BED_TMP/serve.py" <<'PYTHON'
import socket, sys
listener = socket.create_server(('', 7000))
conn, _ = listener.accept()
assert conn.recv(1) == b'g'
conn.sendall(bytes(int(sys.argv[1])))
conn.close()
PYTHON
bed_open 2 rate 40mbit delay 5ms
bed_spawn s python3 "$BED_TMP/serve.py" $((MEGABYTES * MB))
server=$!
bed_wait 10 bed_listening s 7000
before=$(link_bytes 2)
got=$(bed_run c timeout 60 "$fetch" "$S1" 7000)
is "it succeeds" $? 0
wait $server
is "all bytes have come" "$got" $((MEGABYTES * MB))
ok "both links have carried a part" link_carried_since 2 "$before" $((MEGABYTES * MB / 5))
tap_end
