/* SPDX-License-Identifier: MIT */
/*
 * Flow control of a connection between two hosts over two subflows: can it deadlock (I2)?
 *
 * Both applications write everything before they read anything, the worst case of the closed
 * window that payload acknowledgments queue behind. A subflow is a pair of short FIFO pipes; a full
 * pipe stands for a closed TCP window. One subflow may be lost at any moment with all it holds.
 *
 * As built, an engine always reads its subflows and only data needs credit. Compiled with
 * -DLAZY_READER an engine stops reading a subflow while its application has not taken what came
 * before: then the model must deadlock, which shows that the check can fail.
 *
 * Bytes are units, DSNs count from 0. `acked` and `credit` are absolute and monotone.
 */
#define UNITS  2 /* data each application sends */
#define SNDBUF 1 /* unacknowledged units an engine takes from its application */
#define WINDOW 2 /* credit a receiver grants beyond what its application consumed */
#define PIPE   1 /* messages a pipe holds */

mtype = { DATA, ACK };

/* pipe[2 * subflow + direction]; direction = sending host. Fields: type, DSN or DATA_ACK, credit */
chan pipe[4] = [PIPE] of { mtype, byte, byte };
bool lost[2];        /* subflow is gone */
bool loss_seen[4];   /* [2 * subflow + host]: the host has reinjected what it held */
byte carrier[4];     /* [UNITS * host + dsn]: 1 + subflow that carries the unit, 0: to be sent */

byte acked[2];       /* DATA_ACK received */
byte limit[2] = WINDOW; /* credit received */
byte next[2];        /* in-order units received (what we acknowledge) */
byte ahead[2];       /* bit mask of units received out of order */
byte consumed[2];    /* by the application */
bool announce[2];    /* an acknowledgment waits for a pipe with room */
byte via[2];         /* subflow the last data came on */

#define OTHER(h)    (1 - (h))
#define OUT(s, h)   pipe[2 * (s) + (h)]
#define IN(s, h)    pipe[2 * (s) + OTHER(h)]
#define CARRIER(h, d) carrier[UNITS * (h) + (d)]
#define MAX(a, b)   ((a) > (b) -> (a) : (b))

/* The engine has taken everything: the application's blocking writes are over. */
#define WRITTEN(h)  (acked[h] + SNDBUF >= UNITS)

/* Unit d waits to be sent (again), and credit and send buffer admit it. */
#define WAITS(h, d) \
    (d >= acked[h] && CARRIER(h, d) == 0 && d < limit[h] && d < acked[h] + SNDBUF)
#define ANY_WAITS(h) (WAITS(h, 0) || WAITS(h, 1))

inline send_data(s, h)
{
    d = 0;
    do
    :: !WAITS(h, d) -> d++
    :: else -> break
    od;
    OUT(s, h)!DATA, d, 0;
    CARRIER(h, d) = 1 + s;
    d = 0
}

inline receive(s, h)
{
    IN(s, h)?kind, v, c;
    if
    :: kind == DATA ->
        assert(v < consumed[h] + WINDOW); /* I3: never beyond the credit granted */
        if
        :: v >= next[h] -> ahead[h] = ahead[h] | (1 << v)
        :: else
        fi;
        do
        :: (ahead[h] >> next[h]) & 1 -> next[h]++
        :: else -> break
        od;
        announce[h] = true;
        via[h] = s
    :: kind == ACK ->
        assert(v <= UNITS);
        acked[h] = MAX(acked[h], v);
        limit[h] = MAX(limit[h], c)
    fi;
    kind = 0; v = 0; c = 0
}

/* What the dead subflow alone carried is sent again; the last acknowledgment is repeated. */
inline reinject(s, h)
{
    d = 0;
    do
    :: d < UNITS ->
        if
        :: CARRIER(h, d) == 1 + s -> CARRIER(h, d) = 0
        :: else
        fi;
        d++
    :: else -> break
    od;
    d = 0;
    announce[h] = true;
    loss_seen[2 * s + h] = true
}

#ifdef LAZY_READER
#define MAY_READ(h) (consumed[h] == next[h])
#else
#define MAY_READ(h) true
#endif

#define FINISHED(h) (consumed[h] == UNITS && acked[h] == UNITS)
#define MAY_SEND(s, h) (!lost[s] && nfull(OUT(s, h)))

/* The acknowledgment goes where the data came from, elsewhere if that subflow is gone. */
#define MAY_ACK(s, h) (announce[h] && MAY_SEND(s, h) && (via[h] == s || lost[1 - s]))

proctype Host(byte h)
{
    byte d, v, c;
    mtype kind;

    do
    :: atomic { !lost[0] && MAY_READ(h) && nempty(IN(0, h)) -> receive(0, h) }
    :: atomic { !lost[1] && MAY_READ(h) && nempty(IN(1, h)) -> receive(1, h) }
    :: atomic { MAY_SEND(0, h) && ANY_WAITS(h) -> send_data(0, h) }
    :: atomic { MAY_SEND(1, h) && ANY_WAITS(h) -> send_data(1, h) }
    :: atomic { MAY_ACK(0, h) -> OUT(0, h)!ACK, next[h], consumed[h] + WINDOW; announce[h] = false }
    :: atomic { MAY_ACK(1, h) -> OUT(1, h)!ACK, next[h], consumed[h] + WINDOW; announce[h] = false }
    :: atomic { lost[0] && !loss_seen[h] -> reinject(0, h) }
    :: atomic { lost[1] && !loss_seen[2 + h] -> reinject(1, h) }
    :: atomic { WRITTEN(h) && consumed[h] < next[h] -> consumed[h]++; announce[h] = true }
    :: FINISHED(0) && FINISHED(1) -> break
    od
}

/* One subflow may die at any time; the two are alike, so let it be the first. */
proctype Network()
{
    if
    :: lost[0] = true
    :: true
    fi
}

init {
    atomic { run Host(0); run Host(1); run Network() }
}
