. "$(dirname "$0")/lib.sh"
. "$BED_SOURCE/tests/bed/awake.sh"; bed_keep_awake
FLOW=$BED_BUILD/tests/bench/flow
: "${LINKS:=rate 100mbit delay 5ms queue 40ms; rate 20mbit delay 50ms queue 80ms}" "${SECS:=8}" "${BUFFER:=0}"
n=$(echo "$LINKS" | tr ';' '\n' | wc -l)
bed_open $n
echo "$LINKS" | tr ';' '\n' >$BED_TMP/links
i=0
while read -r s; do i=$((i+1)); bed_link $i $s </dev/null; done <$BED_TMP/links
bed_spawn s "$FLOW" serve 0.0.0.0 5201 1 >/dev/null
server=$!
bed_wait 5 bed_listening s 5201
bed_spawn c timeout 60 python3 /tmp/gapcli.py 10.99.1.1 5201 $SECS /tmp/gap.times $BUFFER
client=$!
(sleep 1.5; pids=$(ip netns pids $BED_ID-s | while read p; do case $(cat /proc/$p/comm) in mptcpshim*|flow) echo -p $p;; esac; done); timeout 4 strace -f -ttt -e trace=recvmsg,recvfrom,sendmsg,write,sendto,epoll_wait,getsockopt -e abbrev=all -s 0 -o /tmp/gap.st $pids) >/dev/null 2>&1 &
mon=$!
wait $client
wait $mon
kill $server
