/*
 * Recovery: docs/recovery.md. N survivors at first; CRASHES of them die, at any step. Views are
 * facts, made here by an oracle, one after the other; a survivor learns of the latest one when it
 * does, and may miss some. Each report and each word of a coordinator can be read at any time from
 * then on, or never: so messages may be late, lost and doubled.
 *
 * Checked: nobody discards while another survivor runs or is not fenced, nobody resumes while
 * another has something to discard, and all that live resume in the end (no invalid end state).
 *
 * Mutants: MUT_FENCE (discards without the first barrier), MUT_CLEAN (resumes without the second),
 * MUT_TOLL (a view makes it forget what it has not recovered from), MUT_DOOMED (a new attempt
 * forgets the pages of the one before), MUT_EPOCH (a word of an earlier epoch counts).
 */
#ifndef N
#define N 3
#endif
#ifndef CRASHES
#define CRASHES 2
#endif
#define EPOCHS (CRASHES + 1)
#define BIT(i) (1 << (i))
#define ALL ((1 << N) - 1)

#define NONE 0
#define FENCED 1
#define CLEAN 2
#define RESUMED 3

byte view[EPOCHS];          /* The members of each epoch, a set. */
byte latest = 0;
byte alive = ALL;
byte crashes = CRASHES;

byte at[N];                 /* The epoch that each is in. */
byte phase[N];
byte settled[N];            /* Whose end it has recovered from, a set. */
byte rights[N];             /* Who may write its pages. */
byte doomed[N];             /* Who may have corrupted pages, as far as it knows. */
byte dirty[N];              /* And as it is. */
byte running = ALL;         /* Whose guests run. */
byte report[EPOCHS * N];
byte word[EPOCHS];          /* Of the epoch's coordinator. */

#define MEMBER(i, e) ((view[e] & BIT(i)) != 0)
#define LIVES(i) ((alive & BIT(i)) != 0)
#define ENDED(e) (ALL & ~view[e])
#define CASUALTIES(i) (ENDED(at[i]) & ~settled[i])
/* Whether I waits for J: both in the epoch of I, or J not there yet. */
#define AWAITS(i, j) (MEMBER(j, at[i]) && LIVES(j) && at[j] <= at[i])

inline forget_attempt(i) {
  phase[i] = NONE;
#ifdef MUT_DOOMED
  doomed[i] = 0;
#endif
}

/* What I learns by the latest view. */
inline learn(i) {
#ifdef MUT_TOLL
  settled[i] = settled[i] | ENDED(at[i]);
#endif
  at[i] = latest;
  forget_attempt(i);
  /* Agreement holds its guest, or the first step does; both before it is fenced. */
}

inline say(i, what) {
  phase[i] = what;
  report[at[i] * N + i] = what;
}

inline fence(i) {
  running = running & ~BIT(i);
  doomed[i] = doomed[i] | (rights[i] & CASUALTIES(i));
  dirty[i] = dirty[i] | (rights[i] & CASUALTIES(i));
  rights[i] = rights[i] & ~CASUALTIES(i);
  say(i, FENCED);
}

inline discard(i) {
  j = 0;
  do
  :: j < N ->
     /* Who is in a later view has seen that one of these is over; it starts anew there. */
     assert(!AWAITS(i, j) || (at[j] == at[i] && phase[j] >= FENCED && (running & BIT(j)) == 0));
     j++
  :: else -> break
  od;
  dirty[i] = dirty[i] & ~doomed[i];
  doomed[i] = 0;
  say(i, CLEAN);
}

inline resume(i) {
  j = 0;
  do
  :: j < N ->
     assert(!AWAITS(i, j) || ((dirty[j] | rights[j]) & ENDED(at[i])) == 0);
     j++
  :: else -> break
  od;
  settled[i] = settled[i] | ENDED(at[i]);
  running = running | BIT(i);
  say(i, RESUMED);
}

#ifdef MUT_FENCE
#define MAY_DISCARD(i) true
#else
#ifdef MUT_EPOCH
#define MAY_DISCARD(i) (word[at[i]] >= FENCED || (at[i] > 0 && word[at[i] - 1] >= FENCED))
#else
#define MAY_DISCARD(i) (word[at[i]] >= FENCED)
#endif
#endif
#ifdef MUT_CLEAN
#define MAY_RESUME(i) true
#else
#define MAY_RESUME(i) (word[at[i]] >= CLEAN)
#endif

/* Whether all members of I's epoch have reported more than it has told of, I being its first. */
#define FIRST(i, e) (MEMBER(i, e) && (view[e] & (BIT(i) - 1)) == 0)
#define AHEAD(e, j) (!MEMBER(j, e) || report[(e) * N + (j)] > word[e])
#if N == 3
#define ALL_AHEAD(e) (AHEAD(e, 0) && AHEAD(e, 1) && AHEAD(e, 2))
#else
#define ALL_AHEAD(e) (AHEAD(e, 0) && AHEAD(e, 1) && AHEAD(e, 2) && AHEAD(e, 3))
#endif

proctype Survivor(byte i) {
  byte j;
end:
  do
  :: atomic { LIVES(i) && at[i] < latest && MEMBER(i, latest) -> learn(i) }
  :: atomic { LIVES(i) && at[i] > 0 && phase[i] == NONE && CASUALTIES(i) != 0 -> fence(i) }
  :: atomic { LIVES(i) && at[i] > 0 && phase[i] == NONE && CASUALTIES(i) == 0 -> resume(i) }
  :: atomic { LIVES(i) && phase[i] == FENCED && MAY_DISCARD(i) -> discard(i) }
  :: atomic { LIVES(i) && phase[i] == CLEAN && MAY_RESUME(i) -> resume(i) }
  :: atomic { LIVES(i) && at[i] > 0 && FIRST(i, at[i]) && ALL_AHEAD(at[i]) && word[at[i]] < RESUMED ->
              word[at[i]]++ }
  :: atomic { LIVES(i) && crashes > 0 && (alive & ~BIT(i)) != 0 ->
              crashes--; alive = alive & ~BIT(i); running = running & ~BIT(i) }
  od
}

/* Agreement: puts out who has died, some or all of them at a time, and says when all has ended. */
proctype Oracle() {
  byte j;
  do
  :: atomic { latest + 1 < EPOCHS && (view[latest] & ~alive) != 0 ->
              latest++; view[latest] = view[latest - 1] & alive }
  :: atomic { crashes > 0 -> crashes = 0 }
  :: atomic { timeout ->
              assert((view[latest] & ~alive) == 0);
              assert(running == alive);
              assert(latest == 0 || word[latest] == RESUMED);
              break }
  od
}

init {
  byte i = 0;
  atomic {
    view[0] = ALL;
    do
    :: i < N ->
       rights[i] = ALL & ~BIT(i);
       run Survivor(i);
       i++
    :: else -> break
    od;
    run Oracle()
  }
}
