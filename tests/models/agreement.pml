/* One decision of the agreement between monitors (docs/agreement.md), for Spin.
 *
 * Messages are what their senders have said so far: a receiver reads them when it pleases, which is
 * delay, or never, which is loss. A dead monitor's words are lost from then on; with LATE they can
 * still arrive, in any order. Suspending and probing are one step (JUDGE).
 *
 * N        monitors (3 to 5)                 B      ballots
 * CRASHES  monitors that may die, at any step  CUTS   1: one link may be cut, at any step
 * LIAR     1: monitor 0 finds monitor N-1 failed whatever it does
 * HASTY    ballots that may end for no reason. Others end only when nothing else can happen.
 * DOUBT    anybody may find any suspect failed, as one that was slow for a while
 * LATE     (safety only: without progress there is no end to check)
 *
 * Every step adds to something, so all runs end. Asserted: all decide the same, a quorum is behind
 * it, only dead monitors are evicted. A run that ends with a living monitor that knows of the alert
 * and has no outcome is an invalid end state.
 *
 * MUT_... break the protocol; each must be found.
 */
#ifndef N
#define N 3
#endif
#ifndef B
#define B 4
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef CUTS
#define CUTS 0
#endif
#ifndef LIAR
#define LIAR 1
#endif
#ifndef HASTY
#define HASTY 1
#endif

#define NONE 255
#define ALL ((1 << N) - 1)
#define BIT(i) (1 << (i))
#define HAS(set, i) (((set) >> (i)) & 1)
#define SIZE(s) (HAS(s, 0) + HAS(s, 1) + HAS(s, 2) + HAS(s, 3) + HAS(s, 4))
#define LEADER(b) (((b) - 1) % N)
#define VICTIM (N - 1)

/* Half is enough when all others are dead: who is in the half has proof of it. */
#define IS_QUORUM(s) (2 * SIZE(s) > N || (2 * SIZE(s) == N && ((s) | dead) == ALL))
#ifdef MUT_QUORUM
#define ENOUGH(s) (2 * SIZE(s) + 1 >= N)
#else
#define ENOUGH(s) IS_QUORUM(s)
#endif
#ifdef MUT_ACCUSER
#define CONDEMNED(s) ((s) != 0)
#else
#define CONDEMNED(s) ENOUGH(s)
#endif

#define VOTE_OF(b, i) (((b) - 1) * N + (i))

byte dead;             /* sets of monitors, as all bytes that are not counts */
byte cut_a = NONE, cut_b = NONE;
byte crashes, hasty;
byte suspects[N], judged[N], failed[N];
byte promised[N], accepted_in[N], accepted[N];
byte decided[N] = NONE;
byte voted[B + 1], counted[B + 1], acked[B + 1];
byte proposal[B + 1] = NONE;
byte vote_failed[B * N], vote_in[B * N], vote_value[B * N];

#define LINKED(i, j) (!((cut_a == (i) && cut_b == (j)) || (cut_a == (j) && cut_b == (i))))
#ifdef LATE
#define HEARS(i, j) (LINKED(i, j))
#else
#define HEARS(i, j) (LINKED(i, j) && !HAS(dead, j))
#endif
/* What of SET I can hear of. */
#define HEARD_1(i, j) ((HEARS(i, j) || (i) == (j)) << (j))
#if N == 3
#define HEARD(i) (HEARD_1(i, 0) | HEARD_1(i, 1) | HEARD_1(i, 2))
#elif N == 4
#define HEARD(i) (HEARD_1(i, 0) | HEARD_1(i, 1) | HEARD_1(i, 2) | HEARD_1(i, 3))
#else
#define HEARD(i) (HEARD_1(i, 0) | HEARD_1(i, 1) | HEARD_1(i, 2) | HEARD_1(i, 3) | HEARD_1(i, 4))
#endif

/* What ME has reason to accuse. */
#define LIES(me) (LIAR && (me) == 0)
#define FINDS(me) (dead | (LIES(me) * BIT(VICTIM)))

/* The first ballot after the one ME is in whose leader ME does not suspect, if there is one. */
inline next_ballot(me) {
  b = promised[me] + 1;
  do
  :: b < B && HAS(suspects[me], LEADER(b)) && suspects[me] != ALL -> b++
  :: else -> break
  od;
  if
  :: b > B -> b = B
  :: else
  fi;
  promised[me] = b;
  b = 0
}

/* The decision that the votes counted in ballot promised[me] come to. */
inline propose(me) {
  b = promised[me];
  top = 0;
  value = 0;
  i = 0;
  do
  :: i < N ->
     if
     :: HAS(counted[b], i) && vote_in[VOTE_OF(b, i)] > top ->
        top = vote_in[VOTE_OF(b, i)];
        value = vote_value[VOTE_OF(b, i)]
     :: else
     fi;
     i++
  :: else -> break
  od;
#ifdef MUT_FORGET
  top = 0;
#endif
  if
  :: top == 0 ->
     value = 0;
     i = 0;
     do
     :: i < N ->
        against = 0;
        j = 0;
        do
        :: j < N ->
           if
           :: HAS(counted[b], j) && HAS(vote_failed[VOTE_OF(b, j)], i) -> against = against | BIT(j)
           :: else
           fi;
           j++
        :: else -> break
        od;
        if
        :: CONDEMNED(against) -> value = value | BIT(i)
        :: else
        fi;
        i++
     :: else -> break
     od
  :: else
  fi;
  proposal[b] = value;
  accepted_in[me] = b;
  accepted[me] = value;
  acked[b] = acked[b] | BIT(me);
  /* Nobody looks at these votes again. */
  i = 0;
  do
  :: i < N ->
     vote_failed[VOTE_OF(b, i)] = 0;
     vote_in[VOTE_OF(b, i)] = 0;
     vote_value[VOTE_OF(b, i)] = 0;
     i++
  :: else -> break
  od;
  counted[b] = 0;
  b = 0; top = 0; value = 0; i = 0; j = 0; against = 0
}

inline decide(me, what) {
  decided[me] = what;
  i = 0;
  do
  :: i < N ->
     assert(decided[i] == NONE || decided[i] == what);
     i++
  :: else -> break
  od;
  i = 0;
#ifndef DOUBT
  assert((what & ~dead) == 0);
#endif
  judged[me] = 0;
  failed[me] = 0;
  accepted_in[me] = 0;
  accepted[me] = 0
}

/* What ME does on hearing from J. */
#define PEER(j)                                                                                    \
  :: atomic { ON(j) && suspects[j] & ~suspects[me] -> suspects[me] = suspects[me] | suspects[j] } \
  :: atomic { ON(j) && promised[j] > promised[me] && LEADER(promised[j]) == j ->                   \
       promised[me] = promised[j] } /* j calls its ballot */                                       \
  :: atomic { ON(j) && promised[j] > promised[me] && LEADER(promised[j]) == me &&                  \
       HAS(voted[promised[j]], j) -> promised[me] = promised[j] }                                  \
  :: atomic { ON(j) && promised[me] > 0 && LEADER(promised[me]) == me &&                           \
       proposal[promised[me]] == NONE && HAS(voted[promised[me]], j) &&                            \
       !HAS(counted[promised[me]], j) ->                                                           \
       counted[promised[me]] = counted[promised[me]] | BIT(j) }                                    \
  :: atomic { ON(j) && decided[j] != NONE &&                                                       \
       (HAS(told[j], me) || LEADER(promised[me]) == j || LEADER(promised[me]) == me) -> decide(me, decided[j]) }
#define ON(j) (j) != me && (j) < N && ALIVE && HEARS(me, j)
#define ALIVE !HAS(dead, me) && decided[me] == NONE

#ifdef MUT_PROMISE
#define MAY_ACCEPT(b) 1
#else
#define MAY_ACCEPT(b) ((b) >= promised[me])
#endif
#define BALLOT(n)                                                                                  \
  :: atomic { n <= B && ALIVE && proposal[(n) % (B + 1)] != NONE && LEADER(n) != me &&             \
       HEARS(me, LEADER(n)) && accepted_in[me] < n && MAY_ACCEPT(n) ->                             \
       promised[me] = (promised[me] > n -> promised[me] : n);                                      \
       accepted_in[me] = n;                                                                        \
       accepted[me] = proposal[(n) % (B + 1)];                                                     \
       acked[(n) % (B + 1)] = acked[(n) % (B + 1)] | BIT(me) }

/* Whom who led the ballot that decided sends its outcome to. Others hear of it by asking: with
 * their vote, or the call to a ballot of their own. */
byte told[N];

#define STIRRED(me)                                                                                \
  (suspects[me] != 0 || promised[me] != 0 || FINDS(me) || HEARS_ALERT(me))
#define HEARS_ALERT(me)                                                                            \
  (HEARS_1(me, 0) || HEARS_1(me, 1) || HEARS_1(me, 2) || HEARS_1(me, N - 2) || HEARS_1(me, N - 1))
#define HEARS_1(me, j) ((j) != (me) && HEARS(me, j) && (suspects[j] != 0 || promised[j] != 0))

proctype Monitor(byte me) {
  byte b, top, value, i, j, against;
end_idle:
  STIRRED(me);
  do
  :: atomic { HAS(dead, me) ->
#ifndef LATE
       suspects[me] = 0;
       promised[me] = 0;
#endif
       judged[me] = 0;
       failed[me] = 0;
       accepted_in[me] = 0;
       accepted[me] = 0;
       break }
  :: atomic { decided[me] != NONE -> break }
  /* A hint of its own. */
  :: atomic { ALIVE && (FINDS(me) & ~suspects[me]) -> suspects[me] = suspects[me] | FINDS(me) }
  /* JUDGE: the guest stands still, every suspect is probed. */
  :: atomic { ALIVE && (suspects[me] & ~judged[me]) ->
       if
       :: failed[me] = failed[me] | (suspects[me] & ~judged[me] & FINDS(me))
#ifdef DOUBT
       :: failed[me] = failed[me] | (suspects[me] & ~judged[me])
#endif
       fi;
       judged[me] = suspects[me] }
  /* The first ballot. */
  :: atomic { ALIVE && promised[me] == 0 && suspects[me] != 0 -> next_ballot(me) }
  /* A vote. */
  :: atomic { ALIVE && promised[me] > 0 && judged[me] == suspects[me] &&
       !HAS(voted[promised[me]], me) ->
       b = promised[me];
       voted[b] = voted[b] | BIT(me);
       if
       :: proposal[b] == NONE ->
       vote_failed[VOTE_OF(b, me)] = failed[me];
       vote_in[VOTE_OF(b, me)] = accepted_in[me];
       vote_value[VOTE_OF(b, me)] = accepted[me];
       if
       :: LEADER(b) == me -> counted[b] = counted[b] | BIT(me)
       :: else
       fi
       :: else
       fi;
       b = 0 }
  :: atomic { ALIVE && promised[me] > 0 && LEADER(promised[me]) == me &&
       proposal[promised[me]] == NONE && ENOUGH(counted[promised[me]]) -> propose(me) }
  :: atomic { ALIVE && promised[me] > 0 && LEADER(promised[me]) == me &&
       proposal[promised[me]] != NONE && ENOUGH(acked[promised[me]] & HEARD(me)) ->
       assert(IS_QUORUM(acked[promised[me]]));
       told[me] = ALL;
       decide(me, proposal[promised[me]]) }
  PEER(0)
  PEER(1)
  PEER(2)
#if N > 3
  PEER(3)
#endif
#if N > 4
  PEER(4)
#endif
  BALLOT(1)
  BALLOT(2)
  BALLOT(3)
  BALLOT(4)
  BALLOT(5)
  BALLOT(6)
  BALLOT(7)
  BALLOT(8)
  /* The ballot takes too long. */
  :: atomic { ALIVE && promised[me] > 0 && promised[me] < B && hasty < HASTY ->
       hasty++; promised[me]++ }
#ifndef MUT_PATIENCE
  :: atomic { timeout && ALIVE && promised[me] > 0 && promised[me] < B -> promised[me]++ }
#endif
#ifdef LATE
  :: atomic { ALIVE && promised[me] == B -> break } /* No more ballots: not a matter of safety. */
#endif
  od
}

/* What goes wrong, and when. */
proctype Fate() {
  byte who, other;
  do
  :: atomic { crashes < CRASHES ->
       select(who : 0 .. (N - 1));
       if
       :: !HAS(dead, who) -> dead = dead | BIT(who); crashes++
       :: else
       fi;
       who = 0 }
  :: atomic { CUTS && crashes + 1 <= CRASHES && cut_a == NONE ->
       select(who : 0 .. (N - 2));
       select(other : 1 .. (N - 1));
       if
       :: who < other -> cut_a = who; cut_b = other; crashes++
       :: else
       fi;
       who = 0; other = 0 }
  :: break
  od
}

init {
  atomic {
    byte m = 0;
    do
    :: m < N -> run Monitor(m); m++
    :: else -> break
    od;
    m = 0;
    run Fate()
  }
}
