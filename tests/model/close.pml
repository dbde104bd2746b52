/* SPDX-License-Identifier: MIT */
/*
 * The end of a connection while subflows are lost: can a byte be lost or doubled, an end be told
 * that is none (I5), or both hosts wait for ever (I2)?
 *
 * Each host sends its units and then its DATA_FIN, which is a number like a unit. Whatever a lost
 * subflow held is gone; both hosts see its end, each at some time, and send again what it alone
 * carried. A host that has everything, and knows that the peer has, says so on every subflow and
 * ends it in order. A host that reads an orderly end of its last subflow, and has all, takes its own
 * stream as arrived. Two subflows may be lost; then the client joins a third one, which lasts. A
 * server that has finished does not know the connection any more, and says that to the join.
 *
 * Each rule can be taken out, and then the model must fail:
 * -DNO_REINJECTION      what a lost subflow carried is not sent again
 * -DTWICE               a unit that came before is handed on again
 * -DFIN_WITHOUT_NUMBER  DATA_FIN counts as soon as it is there
 * -DRESET_IS_END        any end of the last subflow counts as an orderly one
 * -DEARLY_END           a host ends the subflows when it has sent its DATA_FIN and has all
 */
#define UNITS(h) (1 - (h))       /* the server sends none, which is enough of it */
#define N(h)     (UNITS(h) + 1)  /* numbers of a stream: units and DATA_FIN */
#define SUBFLOWS 3
#define JOIN  2 /* the one that the client makes when the others are gone */
#define PIPE  1

mtype = { DATA, ACK, END, UNKNOWN };
mtype = { OPEN, CLOSING, OVER, RESET };

/* [2 * subflow + sending host]: type, number or acknowledgment */
chan pipe[6] = [PIPE] of { mtype, byte };
bool lost[SUBFLOWS];     /* reset: with all that it held */
bool ended[6];           /* [2 * s + h]: h has no use of it any more: lost, or read or sent its end */
bool said[6];            /* [2 * s + h]: h has said on it that all has arrived */
bool joined;
byte losses;

mtype phase[2] = OPEN;
byte carrier[4];         /* [2 * host + number]: 1 + subflow that carries it, 0: to be sent */
byte acked[2], next[2], ahead[2], delivered[2];
bool announce[2], told_end[2]; /* told_end: the program has read the end */

#define OTHER(h)  (1 - (h))
#define OUT(s, h) pipe[2 * (s) + (h)]
#define IN(s, h)  pipe[2 * (s) + OTHER(h)]
#define EXISTS(s) ((s) != JOIN || joined)
#define USABLE(s, h) (EXISTS(s) && !lost[s] && !ended[2 * (s) + (h)])
#define NONE_LEFT(h) (!USABLE(0, h) && !USABLE(1, h) && !USABLE(2, h))
#define HAS_ALL(h) (next[h] == N(OTHER(h)))
#define SENT_ALL(h) (carrier[2 * (h)] != 0 && (N(h) == 1 || carrier[2 * (h) + 1] != 0))

#ifdef EARLY_END
#define MAY_CLOSE(h) (HAS_ALL(h) && SENT_ALL(h))
#else
#define MAY_CLOSE(h) (HAS_ALL(h) && acked[h] == N(h))
#endif

inline deliver(h, d)
{
    if
    :: d < UNITS(OTHER(h)) ->
        delivered[h]++;
        assert(delivered[h] <= UNITS(OTHER(h)))
    :: else ->
        /* I5: the program reads the end behind everything. */
        assert(delivered[h] == UNITS(OTHER(h)));
        told_end[h] = true
    fi
}

inline take(h, v)
{
    if
#ifdef FIN_WITHOUT_NUMBER
    :: v == UNITS(OTHER(h)) && next[h] < v -> next[h] = N(OTHER(h)); deliver(h, v)
#endif
    :: v >= next[h] ->
        ahead[h] = ahead[h] | (1 << v);
        do
        :: next[h] < N(OTHER(h)) && ((ahead[h] >> next[h]) & 1) -> deliver(h, next[h]); next[h]++
        :: else -> break
        od
#ifdef TWICE
    :: v < next[h] && v < UNITS(OTHER(h)) -> deliver(h, v)
#endif
    :: else
    fi;
    announce[h] = true
}

/* What s alone carried is sent again; the last acknowledgment is repeated. */
inline reinject(s, h)
{
    d = 0;
    do
    :: d < N(h) ->
        if
#ifndef NO_REINJECTION
        :: carrier[2 * h + d] == 1 + s && d >= acked[h] -> carrier[2 * h + d] = 0
#endif
        :: else
        fi;
        d++
    :: else -> break
    od;
    d = 0;
    announce[h] = true
}

/* The last subflow has ended, in order or not: is that the end of the connection? */
inline look_at_end(h, orderly)
{
    if
    :: phase[h] == OPEN && NONE_LEFT(h) && orderly && HAS_ALL(h) && SENT_ALL(h) -> phase[h] = OVER
    :: else
    fi
}

#ifdef RESET_IS_END
#define LOSS_IS_ORDERLY true
#else
#define LOSS_IS_ORDERLY false
#endif

inline receive(s, h)
{
    IN(s, h)?kind, v;
    if
    :: kind == DATA -> take(h, v)
    :: kind == ACK && v > acked[h] -> acked[h] = v
    :: kind == END ->
        ended[2 * s + h] = true;
        reinject(s, h);
        look_at_end(h, true)
    :: kind == UNKNOWN ->
        ended[2 * s + h] = true;
        /* The server has finished, which it does only when we have all of its stream. */
        assert(HAS_ALL(h));
        phase[h] = OVER
    :: else
    fi;
    kind = 0; v = 0
}

#define SENDS(s, h, n) (phase[h] == OPEN && USABLE(s, h) && carrier[2 * (h) + (n)] == 0 && \
                        nfull(OUT(s, h)) && n >= acked[h] && n < N(h))
/* A host that closes reads on, and the kernel of one that has closed takes what comes. */
#define READS(s, h) ((phase[h] == OPEN || phase[h] == CLOSING) && USABLE(s, h) && nempty(IN(s, h)))
#define GONE(h)     (phase[h] == OVER || phase[h] == RESET)
#define ROOM(s, h)  (nfull(OUT(s, h)) || GONE(OTHER(h)))
#define SAYS(s, h)  (phase[h] == OPEN && announce[h] && USABLE(s, h) && nfull(OUT(s, h)) && \
                     (s == 0 || !USABLE(0, h)) && (s < 2 || !USABLE(1, h)))
#define SAYS_ALL(s, h) (phase[h] == CLOSING && USABLE(s, h) && !said[2 * (s) + (h)] && \
                        ROOM(s, h))
#define ENDS(s, h)  (phase[h] == CLOSING && USABLE(s, h) && said[2 * (s) + (h)] && ROOM(s, h))
#define SEES(s, h)  (EXISTS(s) && lost[s] && !ended[2 * (s) + (h)])

inline say(s, h, what, number)
{
    if
    :: nfull(OUT(s, h)) -> OUT(s, h)!what, number
    :: else
    fi
}

#define FOR_SUBFLOW(s) \
    :: atomic { SENDS(s, h, 0) -> OUT(s, h)!DATA, 0; carrier[2 * h] = 1 + s } \
    :: atomic { SENDS(s, h, 1) -> OUT(s, h)!DATA, 1; carrier[2 * h + 1] = 1 + s } \
    :: atomic { READS(s, h) -> receive(s, h) } \
    :: atomic { SAYS(s, h) -> OUT(s, h)!ACK, next[h]; announce[h] = false } \
    :: atomic { SAYS_ALL(s, h) -> say(s, h, ACK, next[h]); said[2 * s + h] = true } \
    :: atomic { ENDS(s, h) -> say(s, h, END, 0); ended[2 * s + h] = true } \
    :: atomic { SEES(s, h) -> ended[2 * s + h] = true; reinject(s, h); \
                look_at_end(h, LOSS_IS_ORDERLY) }

proctype Host(byte h)
{
    byte d, v;
    mtype kind;

    do
    FOR_SUBFLOW(0)
    FOR_SUBFLOW(1)
    FOR_SUBFLOW(2)
    :: atomic { phase[h] == OPEN && MAY_CLOSE(h) -> phase[h] = CLOSING }
    :: atomic { phase[h] == CLOSING && NONE_LEFT(h) -> phase[h] = OVER }
    /* The client comes back. */
    :: atomic { h == 0 && phase[h] == OPEN && !joined && NONE_LEFT(h) && phase[1] != RESET ->
                joined = true;
                if
                :: phase[1] == OVER -> OUT(JOIN, 1)!UNKNOWN, 0
                :: else
                fi }
    /* Nobody comes back: the connection is reset, and all had arrived. */
    :: atomic { h == 1 && phase[h] == OPEN && NONE_LEFT(h) && phase[0] == OVER -> phase[h] = RESET }
    :: atomic { GONE(h) ->
                /* Who ended in order has everything, and so has its peer. */
                assert(phase[h] == RESET || (HAS_ALL(h) && HAS_ALL(OTHER(h)) && told_end[h]));
                assert(losses > 0 || phase[h] == OVER);
                break }
    od
}

proctype Network()
{
    byte i;

    do
    :: atomic { losses < 2 && !lost[losses] ->
                lost[losses] = true;
                do
                :: nempty(pipe[2 * losses]) -> pipe[2 * losses]?_, _
                :: nempty(pipe[2 * losses + 1]) -> pipe[2 * losses + 1]?_, _
                :: empty(pipe[2 * losses]) && empty(pipe[2 * losses + 1]) -> break
                od;
                losses++ }
    :: break
    od
}

init {
    atomic { run Host(0); run Host(1); run Network() }
}
