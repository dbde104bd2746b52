# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Files, an nginx on host `s` and a curl on host `c`. Sourced by the system tests, the demonstration
# and the benchmarks; bed_spawn and its kin are there already.

: "${HTTP:=8080}"
MB=1048576
export LC_ALL=C

make_file() # FILE MEGABYTES
{
    head -c $(($2 * MB)) /dev/urandom >"$1"
}

sum_of() # FILE
{
    sha256sum "$1" | cut -d' ' -f1
}

now_ms()
{
    date +%s%3N
}

# nginx: /NAME downloads a file, PUT /up/NAME stores one.
#   NGINX_WORKERS  worker processes (2)
#   NGINX_LISTEN   parameters of `listen`
#   NGINX_SERVER   further directives of the server
write_nginx_config()
{
    mkdir -p "$BED_TMP/www/up" "$BED_TMP/nginx"
    cat >"$BED_TMP/nginx.conf" <<NGINX
$([ "$(id -u)" != 0 ] || echo 'user root;')
worker_processes ${NGINX_WORKERS:-2};
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
        listen $HTTP ${NGINX_LISTEN:-};
        listen [::]:$HTTP ${NGINX_LISTEN:-};
        ${NGINX_SERVER:-}
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
    "$1" c $CURL ${CURL_OPTIONS:-} -o "$BED_TMP/got" "http://$2:$HTTP/$3"
}

start_upload() # bed_spawn|bed_start URL-HOST NAME
{
    rm -f "$BED_TMP/www/up/$3"
    # shellcheck disable=SC2086
    "$1" c $CURL -T "$BED_TMP/www/$3" "http://$2:$HTTP/up/$3"
}
