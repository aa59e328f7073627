/* A lock among cells: one aligned 4-byte word of global memory. It names its owner, so that others
 * can take it from a cell that failed.
 *
 *   bits 0-23   the owner's incarnation, modulo 2^24; of a free lock: 1 where it was taken from an
 *               owner that failed, and nobody has had it since, else 0
 *   bits 24-30  the owner's number and 1; 0: it is free
 *   bit 31      somebody may wait for it: who frees it wakes those who wait for the word
 *
 * A lock is taken and freed by compare-and-exchange. All-ones is no lock: its home is gone.
 */
#ifndef HIVE_GUESTS_ABI_CELL_LOCK_H
#define HIVE_GUESTS_ABI_CELL_LOCK_H

#define HIVE_LOCK_WAITERS 0x80000000u
#define HIVE_LOCK_OWNER_SHIFT 24u
#define HIVE_LOCK_OWNER_MASK 0x7f000000u
#define HIVE_LOCK_INCARNATION_MASK 0x00ffffffu
#define HIVE_LOCK_ABANDONED 1u /* in a free lock */
#define HIVE_LOCK_GONE 0xffffffffu

#endif
