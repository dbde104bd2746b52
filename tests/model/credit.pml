/* SPDX-License-Identifier: MIT */
/*
 * Credit while subflows are lost with what they hold, acknowledgments and credit included: does the
 * sender go on (I2), and does the receiver never hold more than it granted (I3)?
 *
 * One host sends UNITS units to a program that reads them one by one. Two subflows may be lost; then
 * a third one is joined, which lasts. Credit is the first number that may not be sent yet. It and
 * the acknowledgment are absolute; after a loss the receiver says both again. What is sent again has
 * its old number, and needs no more credit than it had.
 *
 * Each rule can be taken out, and then the model must fail:
 * -DRELATIVE_CREDIT   credit is what comes on top of the credit before
 * -DSAID_ONCE         after a loss nothing is said again
 * -DREPETITION_COSTS  what is sent again takes credit as if it were new
 * -DCREDIT_BY_ARRIVAL what has arrived makes room, before the program has read it
 * -DNEWEST_COUNTS     the sender believes the acknowledgment that came last, not the highest
 */
#define UNITS    3
#define WINDOW   2 /* units that the receiver holds at most */
#define SUBFLOWS 3
#define JOIN     2
#define PIPE     1

chan data[SUBFLOWS] = [PIPE] of { byte };       /* number */
chan acks[SUBFLOWS] = [PIPE] of { byte, byte }; /* acknowledgment, credit */
bool lost[SUBFLOWS], sender_saw[SUBFLOWS], receiver_saw[SUBFLOWS];
bool joined;

byte carrier[UNITS];    /* 1 + subflow that carries it, 0: to be sent */
byte acked, credit = WINDOW;
byte next, consumed;    /* in order; read by the program */
byte ahead;             /* bit mask of what came */
bool announce;
#ifdef REPETITION_COSTS
byte repeats;
#define COUNT_REPEAT repeats++
#else
#define COUNT_REPEAT skip
#endif
#ifdef RELATIVE_CREDIT
byte unsaid;            /* read since credit was said */
#define COUNT_READ unsaid++
#else
#define COUNT_READ skip
#endif

#define EXISTS(s) ((s) != JOIN || joined)

#ifdef REPETITION_COSTS
#define WITHIN(d) (d + repeats < credit)
#else
#define WITHIN(d) (d < credit)
#endif
#define WAITS(d) (d >= acked && carrier[d] == 0 && WITHIN(d))
#define SENDS(s, d) (EXISTS(s) && !lost[s] && WAITS(d) && nfull(data[s]))

#ifdef CREDIT_BY_ARRIVAL
#define LIMIT (next + WINDOW)
#else
#define LIMIT (consumed + WINDOW)
#endif

inline hear(s)
{
    acks[s]?v, c;
#ifdef NEWEST_COUNTS
    acked = v;
    credit = c;
#else
    if
    :: v > acked -> acked = v
    :: else
    fi;
#ifdef RELATIVE_CREDIT
    credit = credit + c;
#else
    if
    :: c > credit -> credit = c
    :: else
    fi;
#endif
#endif
    v = 0; c = 0
}

inline send_again(s)
{
    sender_saw[s] = true;
    d = 0;
    do
    :: d < UNITS ->
        if
        :: carrier[d] == 1 + s && d >= acked -> carrier[d] = 0; COUNT_REPEAT
        :: else
        fi;
        d++
    :: else -> break
    od;
    d = 0
}

#define FOR_SENDER(s) \
    :: atomic { SENDS(s, 0) -> data[s]!0; carrier[0] = 1 + s } \
    :: atomic { SENDS(s, 1) -> data[s]!1; carrier[1] = 1 + s } \
    :: atomic { SENDS(s, 2) -> data[s]!2; carrier[2] = 1 + s } \
    :: atomic { EXISTS(s) && nempty(acks[s]) -> hear(s) } \
    :: atomic { lost[s] && !sender_saw[s] -> send_again(s) }

proctype Sender()
{
    byte d, v, c;

    do
    FOR_SENDER(0)
    FOR_SENDER(1)
    FOR_SENDER(2)
    :: atomic { sender_saw[0] && sender_saw[1] && !joined -> joined = true }
    :: acked == UNITS -> break
    od
}

inline store(s)
{
    data[s]?v;
    ahead = ahead | (1 << v);
    do
    :: (ahead >> next) & 1 -> next++
    :: else -> break
    od;
    /* I3: all that came and was not read is within what the receiver has place for. */
    assert(v < consumed + WINDOW);
    announce = true;
    v = 0
}

inline tell(s)
{
#ifdef RELATIVE_CREDIT
    acks[s]!next, unsaid;
    unsaid = 0;
#else
    acks[s]!next, LIMIT;
#endif
    announce = false
}

#ifdef SAID_ONCE
#define AGAIN announce
#else
#define AGAIN true
#endif

#define FOR_RECEIVER(s) \
    :: atomic { EXISTS(s) && nempty(data[s]) -> store(s) } \
    :: atomic { announce && EXISTS(s) && !lost[s] && nfull(acks[s]) -> tell(s) } \
    :: atomic { lost[s] && !receiver_saw[s] -> receiver_saw[s] = true; announce = AGAIN }

proctype Receiver()
{
    byte v;

    do
    FOR_RECEIVER(0)
    FOR_RECEIVER(1)
    FOR_RECEIVER(2)
    :: atomic { consumed < next -> consumed++; COUNT_READ; announce = true }
    :: acked == UNITS && consumed == UNITS -> break
    od
}

proctype Network()
{
    byte n;

    do
    :: atomic { n < 2 ->
                lost[n] = true;
                do
                :: nempty(data[n]) -> data[n]?_
                :: nempty(acks[n]) -> acks[n]?_, _
                :: empty(data[n]) && empty(acks[n]) -> break
                od;
                n++ }
    :: break
    od
}

init {
    atomic { run Sender(); run Receiver(); run Network() }
}
