/* SPDX-License-Identifier: MIT */
/*
 * The keys of a connection: early frames, the change to the main keys, a join with keys of its own,
 * a HELLO_REPLY that is lost, and somebody on the paths who drops, repeats, moves and makes
 * messages. Can anything that the client did not send, or sent once, be taken, or taken twice, and
 * the connection end as if all were well?
 *
 * The client sends HELLO and perhaps a frame of early data right behind it, under a key that
 * everybody can make who sees HELLO. With the answer it goes over to the main keys: FINISHED binds
 * what it sent early, then come frames. It joins a second subflow, before or after FINISHED. Without
 * an answer it starts anew by plain TCP, if nothing was sent early, else its program sees a reset.
 * The server takes early data at once. It ends the connection if FINISHED does not confirm it, or
 * does not come before the first subflow ends, and tells its program of no end before that.
 *
 * A message has a key, the number of its frame under that key, and a content. The attacker can copy
 * any message and put it, once, anywhere; without the key he makes only early frames.
 *
 * Each rule can be taken out, and then the model must fail:
 * -DUNBOUND      FINISHED says nothing of the early bytes
 * -DUNVOUCHED    the connection goes on by its join although FINISHED never came
 * -DNO_NUMBERS   a MAC does not depend on the number of the frame
 * -DONE_KEY      the join has the key of the first subflow
 * -DEND_AT_ONCE  the server's program is told of the end before FINISHED has come
 * -DANEW_ANYWAY  the client starts anew by plain TCP after early data, too
 */
#define EARLY_UNIT 0 /* units of the client: sent early or late, once */
#define LATE_UNIT  1
#define JOIN_UNIT  2
#define FORGED     3
#define NONE       4
#define FIRST      0 /* subflows */
#define JOIN       1

mtype = { HELLO, REPLY, FRAME, FINISHED, CONFIRM };
mtype = { EARLY, MAIN, JOINED };               /* keys of the client's direction */
mtype = { OPENING, RUNNING, DONE, PLAIN, DEAD };

/* Of the client: kind, key, number, content. */
chan up[2] = [3] of { mtype, mtype, byte, byte };
chan down = [1] of { bit }; /* HELLO_REPLY */
bool cut[2];                /* the subflow is reset */

mtype client = OPENING, server = OPENING;
byte got[4];                /* how often the server's program got each unit */
bool vouched;               /* FINISHED came and was right */
bool early;                 /* the client sent data behind HELLO */
bool meddled;               /* the attacker did anything, or a message was lost */

#ifdef ONE_KEY
#define KEY_OF_JOIN MAIN
#else
#define KEY_OF_JOIN JOINED
#endif

inline finish()
{
    /* FINISHED: number 0 under the main key. */
    if
    :: early -> up[FIRST]!FINISHED, MAIN, 0, EARLY_UNIT
    :: else -> up[FIRST]!FINISHED, MAIN, 0, NONE
    fi
}

proctype Client()
{
    atomic {
        up[FIRST]!HELLO, EARLY, 0, NONE;
        if
        :: early = true; up[FIRST]!FRAME, EARLY, 0, EARLY_UNIT
        :: skip
        fi
    };
    if
    :: atomic { down?_ -> client = RUNNING }
    :: atomic { meddled && empty(down) ->
                /* No answer, or an end. */
                if
#ifdef ANEW_ANYWAY
                :: true ->
#else
                :: !early ->
#endif
                    client = PLAIN;
                    got[EARLY_UNIT]++
                :: early -> client = DEAD
                fi;
                goto over }
    fi;
    /* The join may be confirmed before FINISHED is sent, or has come. */
    if
    :: atomic { nfull(up[JOIN]) -> up[JOIN]!CONFIRM, KEY_OF_JOIN, 0, NONE };
       atomic { nfull(up[FIRST]) -> finish() }
    :: atomic { nfull(up[FIRST]) -> finish() };
       atomic { nfull(up[JOIN]) -> up[JOIN]!CONFIRM, KEY_OF_JOIN, 0, NONE }
    fi;
    atomic { nfull(up[FIRST]) ->
             if
             :: early -> up[FIRST]!FRAME, MAIN, 1, LATE_UNIT
             :: else -> up[FIRST]!FRAME, MAIN, 1, EARLY_UNIT
             fi };
    atomic { nfull(up[JOIN]) -> up[JOIN]!FRAME, KEY_OF_JOIN, 1, JOIN_UNIT };
    client = DONE;
over:
    skip
}

#ifdef NO_NUMBERS
#define IN_ORDER(s) true
#else
#define IN_ORDER(s) (number == want[s])
#endif

inline take()
{
    /* What a program gets is data; a frame that comes twice acts twice (PRIO, credit, an end). */
    got[content]++
}

inline abort_it()
{
    server = DEAD;
    cut[FIRST] = true;
    cut[JOIN] = true
}

/* A frame of the first subflow. */
inline receive_first()
{
    if
    :: kind == HELLO && server == OPENING -> server = RUNNING; down!1
    :: kind == FRAME && key == EARLY && server == RUNNING && !changed && IN_ORDER(FIRST) ->
        want[FIRST]++;
        heard = content; /* stands for the hash of the early bytes */
        take()
    :: kind == FINISHED && key == MAIN && server == RUNNING && !changed && number == 0 ->
        changed = true;
        want[FIRST] = 1;
        if
#ifndef UNBOUND
        :: heard != content -> abort_it()
#endif
        :: else -> vouched = true
        fi
    :: kind == FRAME && key == MAIN && changed && IN_ORDER(FIRST) -> want[FIRST]++; take()
    :: else -> cut[FIRST] = true /* a wrong MAC */
    fi
}

inline receive_join()
{
    if
    :: kind == CONFIRM && key == KEY_OF_JOIN && number == 0 && !confirmed && server == RUNNING ->
        confirmed = true;
        want[JOIN] = 1
    :: kind == FRAME && key == KEY_OF_JOIN && confirmed && IN_ORDER(JOIN) -> want[JOIN]++; take()
    :: else -> cut[JOIN] = true
    fi
}

#define OVER_THERE (client == DONE || client == PLAIN || client == DEAD)
#define NO_MORE(s) (cut[s] || empty(up[s]))

/* Bytes that nobody vouches for must not stay. */
#define DOUBTFUL (!vouched && heard != NONE)
#ifdef UNVOUCHED
#define MUST_ABORT false
#else
#define MUST_ABORT (cut[FIRST] && DOUBTFUL)
#endif
#if defined(UNVOUCHED) || defined(END_AT_ONCE)
#define MAY_END true
#else
#define MAY_END (!DOUBTFUL)
#endif

proctype Server()
{
    mtype kind, key;
    byte number, content, want[2], heard = NONE;
    bool changed, confirmed;

    do
    :: atomic { server != DEAD && !cut[FIRST] && nempty(up[FIRST]) ->
                up[FIRST]?kind, key, number, content; receive_first() }
    :: atomic { server == RUNNING && !cut[JOIN] && nempty(up[JOIN]) ->
                up[JOIN]?kind, key, number, content; receive_join() }
    :: atomic { cut[FIRST] && nempty(up[FIRST]) -> up[FIRST]?_, _, _, _ }
    :: atomic { (cut[JOIN] || server != RUNNING) && nempty(up[JOIN]) -> up[JOIN]?_, _, _, _ }
    :: atomic { server == RUNNING && MUST_ABORT -> abort_it() }
    /* All that it will ever get has come: an end, or silence. */
    :: atomic { OVER_THERE && server != DEAD && NO_MORE(FIRST) && NO_MORE(JOIN) && MAY_END ->
                server = DONE; break }
    :: atomic { OVER_THERE && server != DEAD && NO_MORE(FIRST) && NO_MORE(JOIN) && !MAY_END ->
                abort_it() }
    :: atomic { OVER_THERE && server == DEAD && empty(up[FIRST]) && empty(up[JOIN]) -> break }
    od;
    atomic {
        assert(server == DEAD || got[FORGED] == 0);
        /* A reset tells the client's program that it may be so; nothing else may double. */
        assert(got[EARLY_UNIT] <= 1 && got[LATE_UNIT] <= 1 && got[JOIN_UNIT] <= 1);
        assert(meddled || (server == DONE && client == DONE && vouched && got[EARLY_UNIT] == 1 &&
                           got[JOIN_UNIT] == 1))
    }
}

/* Two deeds, with one message that was copied before. */
proctype Attacker()
{
    mtype kind, key;
    byte number, content, deeds;
    bool has;

    do
    :: atomic { deeds < 2 && !has && (nempty(up[FIRST]) || nempty(up[JOIN])) ->
                if
                :: nempty(up[FIRST]) -> up[FIRST]?<kind, key, number, content>
                :: nempty(up[JOIN]) -> up[JOIN]?<kind, key, number, content>
                fi;
                has = true }
    :: atomic { deeds < 2 && has && (nfull(up[FIRST]) || nfull(up[JOIN])) ->
                if
                :: nfull(up[FIRST]) -> up[FIRST]!kind, key, number, content
                :: nfull(up[JOIN]) -> up[JOIN]!kind, key, number, content
                fi;
                has = false; deeds++; meddled = true }
    :: atomic { deeds < 2 && nfull(up[FIRST]) ->
                /* At its place in the stream: behind HELLO. */
                up[FIRST]!FRAME, EARLY, 0, FORGED; deeds++; meddled = true }
    :: atomic { deeds < 2 && (nempty(up[FIRST]) || nempty(up[JOIN])) ->
                if
                :: nempty(up[FIRST]) -> up[FIRST]?_, _, _, _
                :: nempty(up[JOIN]) -> up[JOIN]?_, _, _, _
                fi;
                deeds++; meddled = true }
    :: atomic { deeds < 2 && nempty(down) -> down?_; deeds++; meddled = true }
    :: atomic { deeds < 2 && !cut[FIRST] -> cut[FIRST] = true; deeds++; meddled = true }
    :: break
    od
}

init {
    atomic { run Client(); run Server(); run Attacker() }
}
