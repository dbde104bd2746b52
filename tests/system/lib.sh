# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the system tests share: servers on the hosts, files, transfers and what each path carried.
# Every wait is bounded; every transfer is checked against the sum of the original.

# shellcheck source-path=SCRIPTDIR source=../bed/bed.sh
. "$(dirname "$0")/../bed/bed.sh"
# shellcheck source=../bed/tap.sh
. "$(dirname "$0")/../bed/tap.sh"

HTTP=8080
S1=10.99.1.1
MB=1048576
export LC_ALL=C

need() # PROGRAM PACKAGE: the script is pointless without
{
    command -v "$1" >/dev/null || bed_skip "$1 is not installed (apt-get install $2)"
}

make_file() # FILE MEGABYTES
{
    head -c $(($2 * MB)) /dev/urandom >"$1"
}

sum_of() # FILE
{
    sha256sum "$1" | cut -d' ' -f1
}

same() # FILE FILE
{
    cmp "$1" "$2"
}

now_ms()
{
    date +%s%3N
}

# nginx: /NAME downloads a file, PUT /up/NAME stores one.
write_nginx_config()
{
    mkdir -p "$BED_TMP/www/up" "$BED_TMP/nginx"
    cat >"$BED_TMP/nginx.conf" <<NGINX
user root;
worker_processes 2;
daemon off;
pid $BED_TMP/nginx/pid;
error_log $BED_TMP/nginx/error.log;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path $BED_TMP/nginx/body;
    proxy_temp_path $BED_TMP/nginx/proxy;
    fastcgi_temp_path $BED_TMP/nginx/fastcgi;
    uwsgi_temp_path $BED_TMP/nginx/uwsgi;
    scgi_temp_path $BED_TMP/nginx/scgi;
    client_max_body_size 0;
    client_header_timeout 5;
    server {
        listen $HTTP;
        listen [::]:$HTTP;
        root $BED_TMP/www;
        location /up/ { dav_methods PUT; create_full_put_path on; }
    }
}
NGINX
}

start_nginx() # bed_spawn|bed_start: under the shim or natively
{
    write_nginx_config
    "$1" s nginx -c "$BED_TMP/nginx.conf" -p "$BED_TMP/nginx" -e "$BED_TMP/nginx/error.log"
    nginx_pid=$!
    bed_wait 10 bed_listening s $HTTP || { cat "$BED_TMP/nginx/error.log" >&2; return 1; }
}

stop_nginx()
{
    kill "$nginx_pid" 2>/dev/null
    wait "$nginx_pid" 2>/dev/null
}

CURL="curl --silent --show-error --fail --max-time 90"

# Start a transfer in the background, its pid in $!.
start_download() # bed_spawn|bed_start URL-HOST NAME
{
    rm -f "$BED_TMP/got"
    # shellcheck disable=SC2086
    "$1" c $CURL -o "$BED_TMP/got" "http://$2:$HTTP/$3"
}

start_upload() # bed_spawn|bed_start URL-HOST NAME
{
    rm -f "$BED_TMP/www/up/$3"
    # shellcheck disable=SC2086
    "$1" c $CURL -T "$BED_TMP/www/$3" "http://$2:$HTTP/up/$3"
}

# How many subflows of the host's connections have carried at least BYTES each, either way; the
# highest number seen over all connections.
subflows_with() # HOST BYTES
{
    bed_in "$1" "$MPTCPSHIM" status --json 2>/dev/null | jq --argjson min "$2" '
        [.. | objects | select(has("subflows")) | .subflows
         | map(select(((.bytes_sent // 0) + (.bytes_received // 0)) >= $min)) | length]
        | max // 0' 2>/dev/null || echo 0
}

carried_by_all() # HOST BYTES SUBFLOWS
{
    [ "$(subflows_with "$1" "$2")" -ge "$3" ] 2>/dev/null
}

# The links' own counters say the same without asking the shim.
link_bytes() # NUMBER: both directions
{
    bed_stats | jq ".[$1 - 1] | .c2s.out_bytes + .s2c.out_bytes"
}

link_carried_since() # NUMBER EARLIER BYTES
{
    [ $(($(link_bytes "$1") - $2)) -ge "$3" ]
}

finish() # NAME PID: the transfer ended well
{
    wait "$2"
    is "$1: the program succeeds" $? 0
}

agent_pids() # HOST: agents of that host
{
    for p in $(ip netns pids "$BED_ID-$1"); do
        case $(cat "/proc/$p/comm" 2>/dev/null) in mptcpshim-agen*) echo "$p" ;; esac
    done
}
