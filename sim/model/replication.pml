/* The replication protocol of one namespace, small enough to be explored completely: two legs, two hosts, one
 * block (so one region), three epochs and as many writes as VALUES. See docs/PROTOCOL.md for the real thing.
 *
 * What is in it: the guard, the durable open set and its close order, gates on a lost leg, the epoch record,
 * crash and reconcile, resync under the guard, the barrier before commands in doubt are forgotten, legs that
 * lose unflushed data, commands that a leg executes late.
 *
 * What is checked: P1 and P3 (a read returns only legal values; an acknowledged write is not lost while one
 * in-sync leg keeps its power), P2 (a write that nobody acknowledged takes effect at most once and never after
 * its fence), P4 (legs differ only where it is marked), P5 (a mark goes only when they are equal and flushed),
 * P8 (only in-sync legs are read), P13 (closed means flushed). Invalid end states are errors too.
 *
 * -DBUG=n plants a bug; each must be found (model_test).
 */
#ifndef BUG
#define BUG 0
#endif
#ifndef VALUES
#define VALUES 2 /* writes in all; 0 is what the block holds at first. 3: 16 million states, 90 s */
#endif
#ifndef EPOCHS
#define EPOCHS 3 /* changes of the record */
#endif
#ifndef CRASHES
#define CRASHES 1 /* of the node */
#endif

#define BIT(x) (1 << (x))
#define OTHER(l) (1 - (l))

/* legs */
byte val[2], dur[2];  /* what a read finds; what survives a loss of power */
byte late[2];         /* commands of associations that are gone and may still execute: a set of values */
byte now_at[2];       /* command of the living association that is not executed yet: value + 1, 0 = none */
bit answered[2];      /* ... executed, its answer is on its way */
bit link[2] = 1;      /* the association */

/* the metadata store: durable, changes are atomic */
byte epoch = 1;
bit in_sync[2] = 1;
bit open_d, dirty[2];

/* the node, lost in a crash */
bit up = 1, reconcile;
byte core;           /* the region in the core: 0 not there, 1 open, 2 closing */
bit serves[2] = 1;   /* routing: in sync */
bit syncing[2], copied[2];
bit due[2];          /* routed around, and what it owed is not finished yet */
bit doubt[2];        /* a lost association had commands unanswered: the mark waits for the barrier */
byte guard;          /* 0 free, 1 write, 2 copy, 3 close */
byte doing;          /* value of the write under the guard */
bit owes[2];         /* this leg has not answered the write under the guard */
byte first_lost;     /* leg + 1 that was lost while the other one was there: it must be faulted, never reconnected quietly */
bit weak[2];         /* lost its power and is still counted as in sync */
byte crashes;

/* hosts */
byte asked[2];       /* value + 1 of a host's write that the node has not taken */
bit acked[2];        /* answer for host h */
byte of_host;

/* what reads may return */
byte possible = 1, finished = 1, before[VALUES + 1], next_value = 1;

/* In the record and not in the core yet, at the start or when it comes back: commands wait. */
#define SEATED(l) (!in_sync[l] || serves[l] || syncing[l])
#define GATE (SEATED(0) && SEATED(1) && (serves[0] || serves[1]))

inline linearised(v) {
  possible = possible & ~before[v];
  finished = finished | BIT(v)
}

#define QUIET(l) (now_at[l] == 0 && answered[l] == 0)

inline lose(l) { /* the association of leg l is gone; what it was asked may still happen */
  if
  :: now_at[l] != 0 -> late[l] = late[l] | BIT(now_at[l] - 1); now_at[l] = 0; doubt[l] = 1
  :: else
  fi;
  answered[l] = 0;
  if
  :: up && link[l] && serves[l] && serves[OTHER(l)] && link[OTHER(l)] -> first_lost = l + 1
  :: else
  fi;
  link[l] = 0
}

inline send(l, v) {
  now_at[l] = v + 1;
  owes[l] = 1
}

/* ---- hosts ------------------------------------------------------------------------------------------------ */
proctype host(byte h) {
  byte v;
end:
  do
  :: atomic {
       next_value <= VALUES && asked[h] == 0 && up ->
       v = next_value;
       next_value++;
       before[v] = finished;
       possible = possible | BIT(v);
       asked[h] = v + 1
     };
endwaiting: /* for ever, when the bounds leave no epoch to go on with: liveness is the simulator's */
     if
     :: atomic { acked[h] -> acked[h] = 0; linearised(v) }
     :: atomic { !up -> asked[h] = 0 } /* the connection broke: it may or may not have happened */
     fi
  :: atomic { /* a read: the guard is free or shared, the region is not to be reconciled */
       up && !reconcile && guard == 0 && GATE ->
       if
       :: serves[0] && link[0] -> v = val[0]
       :: serves[1] && link[1] -> v = val[1]
       :: BUG == 1 && syncing[0] && link[0] -> v = val[0]
       :: BUG == 1 && syncing[1] && link[1] -> v = val[1]
       :: else -> v = 255
       fi;
       if
       :: v != 255 -> assert((possible & BIT(v)) != 0); linearised(v)
       :: else
       fi;
       v = 0
     }
  od
}

/* ---- legs ------------------------------------------------------------------------------------------------- */
proctype leg(byte l) {
end:
  do
  :: atomic { now_at[l] != 0 -> val[l] = now_at[l] - 1; now_at[l] = 0; answered[l] = 1 }
  :: atomic { /* a command of a dead association executes after all, once */
       late[l] != 0 ->
       if
       :: (late[l] & 1) != 0 -> val[l] = 0; late[l] = late[l] & ~1
       :: (late[l] & 2) != 0 -> val[l] = 1; late[l] = late[l] & ~2
       :: (late[l] & 4) != 0 -> val[l] = 2; late[l] = late[l] & ~4
       :: (late[l] & 8) != 0 -> val[l] = 3; late[l] = late[l] & ~8
       fi
     }
  :: atomic { late[l] != 0 -> late[l] = 0 } /* or never */
  :: atomic { link[l] && epoch < EPOCHS -> lose(l) }
  :: atomic { /* power fails; the other one keeps its own (P1's condition) */
       link[l] && epoch < EPOCHS && in_sync[OTHER(l)] && link[OTHER(l)] && serves[OTHER(l)] ->
       lose(l);
       late[l] = 0;
       val[l] = dur[l];
       weak[l] = in_sync[l]
     }
  od
}

/* ---- what the simulator's runs are compared with ----------------------------------------------------------
 * Each step of the node from one shape to another is printed once by pan: "STEP from to". The bits are those of
 * ShapeBit in sim/cluster/model_steps.hpp; the test there takes a run apart into the same steps. */
#define SHAPE (up + 2 * in_sync[0] + 4 * in_sync[1] + 8 * open_d + 16 * dirty[0] + 32 * dirty[1] + \
               64 * serves[0] + 128 * serves[1] + 256 * syncing[0] + 512 * syncing[1] + 1024 * (core != 0))
c_decl {
  \#include <stdio.h>
  static unsigned char met[2048][2048 / 8];
  static void step(int from, int to) {
    if (from == to || (met[from][to / 8] >> to % 8 & 1) != 0) return;
    met[from][to / 8] |= 1 << to % 8;
    printf("STEP %d %d\n", from, to);
  }
}
short was, is;
#define FROM was = SHAPE
#define TO is = SHAPE; c_code { step(now.was, now.is); }; was = 0; is = 0

/* ---- the node --------------------------------------------------------------------------------------------- */
#define SOUND(l) (in_sync[l] -> (link[l] && !doubt[l] && (serves[l] || (syncing[l] && copied[l]))) : 1)
#define CLEAN(l) (in_sync[l] || (syncing[l] && copied[l] && link[l]))

inline take_write() {
  guard = 1;
  doing = asked[of_host] - 1;
  owes[0] = 0;
  owes[1] = 0;
  if
  :: serves[0] || syncing[0] -> if :: link[0] -> send(0, doing) :: else -> owes[0] = 1 fi
  :: else
  fi;
  if
  :: serves[1] || syncing[1] -> if :: link[1] -> send(1, doing) :: else -> owes[1] = 1 fi
  :: else
  fi
}

/* The order of P13: nothing admitted (the guard), flush, dirty bits of the absent, then closed. */
inline close_region() {
  if
  :: BUG != 2 -> if :: (serves[0] || syncing[0]) && link[0] -> dur[0] = val[0] :: else fi;
                 if :: (serves[1] || syncing[1]) && link[1] -> dur[1] = val[1] :: else fi
  :: else
  fi;
  if
  :: BUG != 3 -> if :: !CLEAN(0) -> dirty[0] = 1 :: else fi; if :: !CLEAN(1) -> dirty[1] = 1 :: else fi
  :: else
  fi;
  open_d = 0;
  core = 2
}

inline crash() {
  up = 0;
  lose(0);
  lose(1);
  first_lost = 0;
  guard = 0;
  doing = 0;
  owes[0] = 0;
  owes[1] = 0;
  due[0] = 0;
  due[1] = 0;
  serves[0] = 0;
  serves[1] = 0;
  syncing[0] = 0;
  syncing[1] = 0;
  copied[0] = 0;
  copied[1] = 0;
  core = 0;
  reconcile = 0;
  acked[0] = 0;
  acked[1] = 0;
  crashes++
}

/* One leg's life; `o` is the other one. */
#define LEG_STEPS(l, o)                                                                                             \
  /* it was in sync when the node started, and is there */                                                          \
  :: atomic { up && in_sync[l] && !serves[l] && !syncing[l] && !due[l] ->                                           \
       FROM; serves[l] = 1; link[l] = 1; TO }                                                  \
  /* it is lost: first the new epoch is durable, by the newer answer of another one; never the last one. At the \
   * start that one may be there before the core is told: the model has no state between */                         \
  :: atomic { up && in_sync[l] && !link[l] && in_sync[o] && epoch < EPOCHS + 2 && BUG != 6 &&                       \
              (link[o] || (!serves[o] && !syncing[o])) ->                                                           \
       FROM; in_sync[l] = 0; epoch++; first_lost = 0; weak[l] = 0; TO }                                             \
  /* then it is routed around */                                                                                    \
  :: atomic { up && (serves[l] || syncing[l]) && !link[l] && (!in_sync[l] || (BUG == 6 && serves[o] && link[o])) -> \
       FROM; serves[l] = 0; syncing[l] = 0; copied[l] = 0; due[l] = owes[l]; TO }                                   \
  /* and what only it owes is finished, when a leg serves */                                                        \
  :: atomic { up && due[l] && serves[o] && link[o] -> owes[l] = 0; due[l] = 0 }                                     \
  /* the last leg, or one that the write waits for, comes back: asked again */                                      \
  :: atomic { up && !link[l] && serves[l] && in_sync[l] && (first_lost != l + 1 || BUG == 12) &&                    \
              (!doubt[l] || late[l] == 0) ->                                                                        \
       link[l] = 1; doubt[l] = 0; if :: guard == 1 && owes[l] -> send(l, doing) :: else fi }                        \
  /* a stale leg returns: it takes writes first, then it is copied */                                               \
  :: atomic { up && guard == 0 && !reconcile && !in_sync[l] && !serves[l] && !syncing[l] && !due[l] && serves[o] -> \
       FROM; link[l] = 1; syncing[l] = 1; TO }                                                                      \
  /* copied under the guard, flushed, then the mark goes: only behind the barrier (nothing late is left) */         \
  :: atomic { up && guard == 0 && !reconcile && syncing[l] && !copied[l] && link[l] && serves[o] && link[o] &&      \
              (BUG == 7 || late[l] == 0) ->                                                                         \
       FROM;                                                                                                        \
       if :: BUG != 8 && (dirty[l] || open_d) -> val[l] = val[o] :: else fi;                                        \
       if :: BUG != 9 -> dur[l] = val[l] :: else fi;                                                                \
       dirty[l] = 0; doubt[l] = 0; copied[l] = 1; TO }                                                              \
  /* in sync in the record, then in the core */                                                                     \
  :: atomic { up && syncing[l] && copied[l] && link[l] && !in_sync[l] && epoch < EPOCHS + 2 ->                      \
       FROM; in_sync[l] = 1; epoch++; TO }                                                                          \
  :: atomic { up && syncing[l] && in_sync[l] && link[l] -> FROM; syncing[l] = 0; copied[l] = 0; serves[l] = 1; TO }

proctype node() {
end:
  do
  /* a host's write: first the region is durable in the open set, then the core lets writes in */
  :: atomic { up && !reconcile && core == 0 && !open_d && (asked[0] != 0 || asked[1] != 0) && BUG != 4 ->
       FROM; open_d = 1; TO }
  :: atomic { up && core == 0 && (open_d || (BUG == 4 && (asked[0] != 0 || asked[1] != 0))) -> FROM; core = 1; TO }
  :: atomic { up && !reconcile && guard == 0 && core == 1 && asked[0] != 0 && !acked[0] && GATE ->
       of_host = 0; take_write() }
  :: atomic { up && !reconcile && guard == 0 && core == 1 && asked[1] != 0 && !acked[1] && GATE ->
       of_host = 1; take_write() }
  /* answers of legs */
  :: atomic { up && guard == 1 && answered[0] -> answered[0] = 0; owes[0] = 0 }
  :: atomic { up && guard == 1 && answered[1] -> answered[1] = 0; owes[1] = 0 }
  /* all that count have answered: the host hears of it */
  :: atomic { up && guard == 1 && ((!owes[0] && !owes[1]) || (BUG == 5 && (!owes[0] || !owes[1]))) ->
       guard = 0;
       asked[of_host] = 0;
       acked[of_host] = 1;
       if
       :: BUG == 5 -> if :: now_at[0] -> val[0] = now_at[0] - 1; now_at[0] = 0 :: else fi; answered[0] = 0; answered[1] = 0;
                      if :: now_at[1] -> late[1] = late[1] | BIT(now_at[1] - 1); now_at[1] = 0 :: else fi
       :: else
       fi;
       owes[0] = 0; owes[1] = 0 }
  LEG_STEPS(0, 1)
  LEG_STEPS(1, 0)
  /* the region closes when nothing is under way and no leg that is in sync is lost */
  :: atomic { up && guard == 0 && !reconcile && core == 1 && SOUND(0) && SOUND(1) && (serves[0] || serves[1]) ->
       FROM; close_region(); TO }
  :: atomic { core == 2 -> FROM; core = 0; TO }
  /* the node dies and returns */
  :: atomic { up && crashes < CRASHES && !weak[0] && !weak[1] -> /* with a leg that lost power: two failures at once, not promised */
       FROM; crash(); TO }
  :: atomic { !up && asked[0] == 0 && asked[1] == 0 ->
       FROM;
       up = 1;
       if :: BUG == 10 -> reconcile = 0 :: else -> reconcile = open_d fi;
       link[0] = 0; link[1] = 0;
       doubt[0] = open_d; doubt[1] = open_d; TO }
  /* reconcile: behind the barrier, one in-sync leg's content goes to the others */
  :: atomic { up && reconcile && GATE && (!serves[0] || link[0]) && (!serves[1] || link[1]) &&
              (BUG == 11 || (late[0] == 0 && late[1] == 0)) ->
       if
       :: serves[0] && serves[1] -> if :: val[1] = val[0] :: val[0] = val[1] fi
       :: else
       fi;
       doubt[0] = 0; doubt[1] = 0;
       reconcile = 0 }
  :: atomic { up && reconcile && BUG == 11 -> link[0] = 1; link[1] = 1 }
  od
}

/* ---- what must always hold --------------------------------------------------------------------------------- */
proctype watch() {
end:
  do
  :: atomic { !(val[0] == val[1] || open_d || (!in_sync[0] && dirty[0]) || (!in_sync[1] && dirty[1])) -> assert(false) } /* P4 */
  :: atomic { !open_d && in_sync[0] && dur[0] != val[0] -> assert(false) } /* P13 */
  :: atomic { !open_d && in_sync[1] && dur[1] != val[1] -> assert(false) }
  :: atomic { !in_sync[0] && !in_sync[1] -> assert(false) } /* never the last */
  od
}

init {
  atomic {
    if /* both in sync; or the second one has been dropped before, and has missed nothing yet */
    :: skip
    :: in_sync[1] = 0; serves[1] = 0; link[1] = 0
    fi;
    run host(0); run host(1); run leg(0); run leg(1); run node(); run watch() }
}
