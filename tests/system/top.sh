#!/bin/sh
# SPDX-License-Identifier: MIT
# The live screen, in a terminal of tmux, beside two downloads over two links: what it shows at several
# sizes, its keys, and that the terminal is as it was whichever way it ends.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need curl curl
need wget wget
need nginx nginx-light
need tmux tmux
[ "$BED_MODE" = shim ] || bed_skip "it is the shim's screen"

# Not one of the user's; the socket goes with the other files.
export TMUX_TMPDIR="$BED_TMP" LC_ALL=C.UTF-8
unset TMUX
t() # COMMAND...: of tmux
{
    tmux -L top -f /dev/null "$@"
}

keys() # KEY...
{
    t send-keys -t 0 "$@"
}

screen()
{
    t capture-pane -p -t 0
}

sees() # PATTERN: in a line of the screen
{
    screen | grep -qE -- "$1"
}

sees_not() # PATTERN
{
    ! sees "$1"
}

waits() # NAME PATTERN: until the screen has it
{
    ok "$1" bed_wait 15 sees "$2"
}

in_order() # PATTERN PATTERN: in lines of which the first is above
{
    screen | grep -nE -- "$1|$2" | cut -d: -f2- | head -1 | grep -qE -- "$1"
}

fits() # COLUMNS
{
    [ "$(screen | wc -L)" -le "$1" ]
}

not() # COMMAND...
{
    ! "$@"
}

coloured()
{
    t capture-pane -p -e -t 0 | grep -q "$(printf '\033\\[[0-9;]*3[123]m')"
}

start_top() # [VARIABLE=VALUE]: type it; the terminal's settings are kept
{
    keys "clear; stty -g >before; ${1:-} $MPTCPSHIM top" Enter
}

ended() # NAME EXIT: the shell is back, and the terminal as before
{
    ok "$1: the screen is the shell's" bed_wait 10 sees_not 'PROGRAM|q quit'
    restored "$@"
}

restored() # NAME EXIT
{
    keys "echo exit \$?; stty -g >after; cmp before after && echo re''stored" Enter
    waits "$1: the terminal is as it was" '^restored'
    ok "$1: the exit code" sees "^exit $2"
}

top_pid()
{
    for p in $(ip netns pids "$BED_ID-c"); do
        [ "$(cat "/proc/$p/comm" 2>/dev/null)" != mptcpshim ] || echo "$p"
    done
}

no_top()
{
    [ -z "$(top_pid)" ]
}

bed_open 2 rate 5mbit delay 5ms queue 40ms
start_nginx bed_spawn || { tap_point 1 "nginx starts"; tap_end; }
make_file "$BED_TMP/www/data" 60
start_download bed_spawn $S1 data
curl=$!
bed_spawn c wget -q -O /dev/null "http://$S1:$HTTP/data"
wget=$!
(cd "$BED_TMP" && PS1='$ ' bed_in c tmux -L top -f /dev/null new-session -d -x 80 -y 24 sh)
start_top
waits "both programs are there" '^curl\[[0-9]+\] 10\.99\.'
waits "with the other" '^wget\[[0-9]+\] 10\.99\.'
waits "each path has its rate" '^  link2 .* active +[0-9.]+[kM]? +[1-9][0-9.]*[kM] '
waits "and its history" '^  link1 .*[▁▂▃▄▅▆▇█]{2}'
ok "the keys are shown" sees 'q quit  h help'
ok "nothing beyond 80 columns" fits 80
ok "it has colours" coloured

keys s s
waits "sorted by program" 'by program'
ok "from the first" bed_wait 5 in_order '^curl' '^wget'
keys r
waits "and backwards" 'by program, backwards'
ok "from the last" bed_wait 5 in_order '^wget' '^curl'
keys /
waits "a filter is typed" 'Only programs with: _'
keys c u r Enter
waits "only the programs that match" 'only cur'
ok "not the others" sees_not '^wget'
keys Enter
waits "details" '^program +curl'
ok "of each path" sees '^link1 +10\.99\.1\.2:'
keys h
waits "help" 'Rates are bits'
keys Escape
waits "and back" '^PROGRAM'
keys Escape
waits "all programs again" '^wget'
t resize-window -t 0 -x 200 -y 50
waits "a wide screen has more" 'SHARE.* HISTORY.* SCHEDULER.* RECEIVED'
ok "the keys are at its end" bed_wait 5 sh -c "tmux -L top capture-pane -p -t 0 | tail -1 | grep -q 'q quit'"
t resize-window -t 0 -x 40 -y 12
waits "a narrow screen has less" '^PROGRAM, path +SENDS +RECEIVES$'
ok "and still the programs" sees '^wget'
ok "within 40 columns" fits 40
t resize-window -t 0 -x 80 -y 24
waits "and back" 'RTT'
keys C-z
waits "stopped" 'Stopped|Suspended'
ended stopped '[0-9]+'
keys "clear; fg" Enter
waits "and on" 'q quit'
keys q
ended quit 0
start_top NO_COLOR=1
waits "without colours" '^wget'
ok "there are none" not coloured
keys C-c
ended interrupted 0
start_top TERM=vt100
waits "a terminal that has no colours" '^wget'
ok "shows none" not coloured
kill -TERM "$(top_pid)"
ok "it goes at SIGTERM" bed_wait 5 no_top
restored terminated 0
start_top LC_ALL=C
waits "without UTF-8" '^wget'
ok "only ASCII" sh -c 'tmux -L top capture-pane -p -t 0 | LC_ALL=C grep -q "[^ -~]" && exit 1; exit 0'

kill $curl $wget
waits "no agent is there: it waits" 'Nothing of yours runs under mptcpshim'
start_download bed_spawn $S1 data
curl=$!
waits "and shows the next one" '^curl'
once()
{
    bed_in c "$MPTCPSHIM" top --once "$@" >"$BED_TMP/once" </dev/null
}
ok "one screen for a pipe" bed_wait 5 sh -c '"$@" | grep -q "^curl"' - nsenter --net="/run/netns/$BED_ID-c" "$MPTCPSHIM" top --once
ok "as text" once
ok "without control codes" sh -c "! LC_ALL=C grep -q '[[:cntrl:]]' '$BED_TMP/once'"
ok "80 columns" sh -c "[ \"\$(wc -L <'$BED_TMP/once')\" -le 80 ] && grep -q '^curl' '$BED_TMP/once'"
ok "of one program" once --program nobody
ok "the others are not there" not grep -q '^curl' "$BED_TMP/once"
ok "an unknown terminal: said so" sh -c "TERM=none script -qec '$MPTCPSHIM top' /dev/null </dev/null |
    grep -q 'TERM is not known'"
kill $curl
tap_end
