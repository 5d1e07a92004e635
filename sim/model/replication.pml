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
#define VALUES 3 /* writes in all; 0 is what the block holds at first */
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
bit up = 1, open_v, reconcile;
bit serves[2] = 1;   /* routing: in sync */
bit syncing[2];
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
       up && !reconcile && guard == 0 && (serves[0] || serves[1]) ->
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

/* ---- the node --------------------------------------------------------------------------------------------- */
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
  :: BUG != 2 -> if :: serves[0] -> dur[0] = val[0] :: else fi; if :: serves[1] -> dur[1] = val[1] :: else fi
  :: else
  fi;
  if
  :: BUG != 3 -> if :: !serves[0] -> dirty[0] = 1 :: else fi; if :: !serves[1] -> dirty[1] = 1 :: else fi
  :: else
  fi;
  open_d = 0;
  open_v = 0
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
  open_v = 0;
  acked[0] = 0;
  acked[1] = 0;
  crashes++
}

proctype node() {
  byte l;
end:
  do
  /* a host's write: first the region is made durable in the open set */
  :: atomic { up && !reconcile && guard == 0 && asked[0] != 0 && !open_v && (serves[0] || serves[1]) ->
       open_v = 1;
       if :: BUG != 4 -> open_d = 1 :: else fi }
  :: atomic { up && !reconcile && guard == 0 && asked[1] != 0 && !open_v && (serves[0] || serves[1]) ->
       open_v = 1;
       if :: BUG != 4 -> open_d = 1 :: else fi }
  :: atomic { up && !reconcile && guard == 0 && open_v && asked[0] != 0 && !acked[0] && (serves[0] || serves[1]) ->
       of_host = 0; take_write() }
  :: atomic { up && !reconcile && guard == 0 && open_v && asked[1] != 0 && !acked[1] && (serves[0] || serves[1]) ->
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
  /* a lost leg: the new epoch is durable first, then it is routed around; never the last one */
  :: atomic { up && serves[0] && !link[0] && serves[1] && link[1] && epoch < EPOCHS + 2 -> l = 0;
       if :: BUG != 6 -> in_sync[0] = 0; epoch++ :: else fi;
       serves[0] = 0; owes[0] = 0; first_lost = 0; weak[0] = 0 }
  :: atomic { up && serves[1] && !link[1] && serves[0] && link[0] && epoch < EPOCHS + 2 -> l = 1;
       if :: BUG != 6 -> in_sync[1] = 0; epoch++ :: else fi;
       serves[1] = 0; owes[1] = 0; first_lost = 0; weak[1] = 0 }
  :: atomic { up && syncing[0] && !link[0] -> syncing[0] = 0; owes[0] = 0; dirty[0] = 1 }
  :: atomic { up && syncing[1] && !link[1] -> syncing[1] = 0; owes[1] = 0; dirty[1] = 1 }
  /* the last leg, or one that the write waits for, comes back: asked again */
  :: atomic { up && !link[0] && serves[0] && (first_lost != 1 || BUG == 12) && (!doubt[0] || late[0] == 0) ->
       link[0] = 1; doubt[0] = 0; if :: guard == 1 && owes[0] -> send(0, doing) :: else fi }
  :: atomic { up && !link[1] && serves[1] && (first_lost != 2 || BUG == 12) && (!doubt[1] || late[1] == 0) ->
       link[1] = 1; doubt[1] = 0; if :: guard == 1 && owes[1] -> send(1, doing) :: else fi }
  /* a stale leg returns: it takes writes first, then it is copied */
  :: atomic { up && guard == 0 && !reconcile && !serves[0] && !syncing[0] && serves[1] -> link[0] = 1; syncing[0] = 1 }
  :: atomic { up && guard == 0 && !reconcile && !serves[1] && !syncing[1] && serves[0] -> link[1] = 1; syncing[1] = 1 }
  /* copy under the guard, flush, then clear the mark: only behind the barrier (nothing late is left) */
  :: atomic { up && guard == 0 && !reconcile && syncing[0] && link[0] && serves[1] && link[1] &&
              (BUG == 7 || late[0] == 0) && epoch < EPOCHS + 2 ->
       if :: BUG != 8 && (dirty[0] || open_d) -> val[0] = val[1] :: else fi;
       if :: BUG != 9 -> dur[0] = val[0] :: else fi;
       dirty[0] = 0; doubt[0] = 0; syncing[0] = 0; serves[0] = 1; in_sync[0] = 1; epoch++ }
  :: atomic { up && guard == 0 && !reconcile && syncing[1] && link[1] && serves[0] && link[0] &&
              (BUG == 7 || late[1] == 0) && epoch < EPOCHS + 2 ->
       if :: BUG != 8 && (dirty[1] || open_d) -> val[1] = val[0] :: else fi;
       if :: BUG != 9 -> dur[1] = val[1] :: else fi;
       dirty[1] = 0; doubt[1] = 0; syncing[1] = 0; serves[1] = 1; in_sync[1] = 1; epoch++ }
  /* the region closes when nothing is under way and no leg that serves is lost */
  :: atomic { up && guard == 0 && !reconcile && open_v && !doubt[0] && !doubt[1] && !syncing[0] && !syncing[1] &&
              (serves[0] -> link[0] : 1) && (serves[1] -> link[1] : 1) -> close_region() }
  /* the node dies and returns */
  :: atomic { up && crashes < CRASHES && !weak[0] && !weak[1] -> crash() } /* with a leg that lost power: two failures at once, not promised */
  :: atomic { !up && asked[0] == 0 && asked[1] == 0 ->
       up = 1;
       serves[0] = in_sync[0]; serves[1] = in_sync[1];
       syncing[0] = 0; syncing[1] = 0;
       if :: BUG == 10 -> reconcile = 0 :: else -> reconcile = open_d fi;
       open_v = open_d;
       link[0] = 0; link[1] = 0;
       doubt[0] = open_d; doubt[1] = open_d }
  /* reconcile: behind the barrier, one in-sync leg's content goes to the others */
  :: atomic { up && reconcile && (!serves[0] || link[0]) && (!serves[1] || link[1]) &&
              (BUG == 11 || (late[0] == 0 && late[1] == 0)) ->
       if
       :: serves[0] && serves[1] -> if :: val[1] = val[0] :: val[0] = val[1] fi
       :: else
       fi;
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
  atomic { run host(0); run host(1); run leg(0); run leg(1); run node(); run watch() }
}
