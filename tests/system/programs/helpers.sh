# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the cases are written with. Sourced by run.sh.

TLS=8443 NAME=files.example

volume() # FULL SHORT: which of them this run wants
{
    if [ "$short" = 1 ]; then echo "$2"; else echo "$1"; fi
}

on() # MODE COMMAND...: a function of the test bed, at an end of that mode
{
    BED_MODE=$1
    shift
    "$@"
}

client()
{
    on "$client_mode" bed_run c timeout 60 "$@"
}

server() # in the background; its pid in $!
{
    on "$server_mode" bed_spawn s timeout 120 "$@" >>"$BED_TMP/server.log" 2>&1
}

requires() # PROGRAM PACKAGE
{
    command -v "$1" >/dev/null || { echo "$1 is not installed (apt-get install $2)"; exit 77; }
}

ready() # PORT
{
    bed_wait 20 bed_listening s "$1"
}

bulk() # the case moves $DATA at least once: both links must have their part
{
    echo 1 >"$BED_TMP/bulk"
}

make_data() # DATA; the same and a small file on the web server; its certificate
{
    DATA=$BED_TMP/data W=$BED_TMP/w WWW=$BED_TMP/www
    make_file "$DATA" "$(volume 10 3)"
    chmod 644 "$DATA"
    mkdir -p "$WWW/up" && ln "$DATA" "$WWW/data" && head -c 4000 "$DATA" >"$WWW/small" &&
        head -c 200000 "$DATA" >"$WWW/medium"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
        -subj /CN=$NAME -keyout "$BED_TMP/key" -out "$BED_TMP/cert" 2>/dev/null
}

# nginx as a daemon, with several workers: HTTP on $HTTP, TLS with HTTP/2 on $TLS.
serve_web()
{
    requires nginx nginx-light
    NGINX_WORKERS=3
    NGINX_SERVER="listen $TLS ssl http2; ssl_certificate $BED_TMP/cert; ssl_certificate_key $BED_TMP/key;"
    write_nginx_config
    sed -i 's/daemon off/daemon on/' "$BED_TMP/nginx.conf"
    nginx_do && ready $HTTP && ready $TLS
}

# shellcheck disable=SC2120 # the cases pass some
nginx_do() # ARGUMENT...
{
    server nginx -c "$BED_TMP/nginx.conf" -p "$BED_TMP/nginx" -e "$BED_TMP/nginx/error.log" "$@"
}
