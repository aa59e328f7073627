// Policy `memory`: memory goes to cells that run short of it, and home again.
#pragma once

#include <cstdint>

#include "policy/hint.h"
#include "policy/view.h"

namespace hive::policy {

// Marks, in permille of what a cell's kernel has to hand out. The further they are apart, the more
// a cell's use of memory may vary without any memory being moved.

/// Nobody who runs short as well is asked for memory that leaves it less available than that.
inline constexpr std::uint32_t kLeastPermille = 50;
/// A cell with less than that available runs short...
inline constexpr std::uint32_t kLowPermille = 100;
/// ...and borrows until it has that. What it has free above that goes home.
inline constexpr std::uint32_t kEnoughPermille = 250;
/// A cell lends what it has available above that.
inline constexpr std::uint32_t kHighPermille = 400;

/// A cell also runs short whose tasks waited for memory for so much of the time...
inline constexpr std::uint32_t kStalledPermille = 50;
/// ...or that read so many pages a second back from swap.
inline constexpr std::uint64_t kSwappedIn = 200;

/// A quantum, in which memory is lent, is that part of all cells' memory, but not less than...
inline constexpr std::uint32_t kQuantumPart = 4096;
/// ...that many blocks (8 MiB).
inline constexpr Blocks kLeastQuantum = 4;

/// In a round a cell gives back at most that part of what it has borrowed, or a quantum.
inline constexpr std::uint64_t kHomewardPart = 4;

/// Of what it has available above kHighPermille, a cell lends that part in a round beyond what it
/// has free, or a quantum: whether its caches were of use shows only once they are gone.
inline constexpr std::uint64_t kCachedPart = 4;

/// The quantum of VIEW's machine, in blocks.
std::uint64_t quantum_of(const View& view);

/// A cell is in urgent need of memory while little is available to it, and in need while its tasks
/// wait for memory though some is: its caches are too small for it, say. In this order:
/// - Who is in need takes back what it has lent, from those who hold most of it; where the need is
///   not urgent, only what leaves them enough.
/// - What a borrower has free beyond enough goes home, step by step. Memory that caches files does
///   not: it stays where it is of use until somebody asks for it.
/// - Who is in need borrows, a quantum at a time, the urgent first: the one who holds least of
///   others' memory from the one who has most available. Caches are lent in urgent need only.
/// - Where nobody can lend any more to one in urgent need, somebody who holds more of others'
///   memory, or has enough without, gives a quantum back, which can then be lent again.
/// Nobody lends below its reserve or while it borrows; cells of which a loan is under way are left
/// alone.
///
/// Who was given what it urgently needs can lose it only to another such need, and nobody gets into
/// one by lending: so no two cells take the same memory from each other in turn.
void memory(const View& view, Hints& hints);

}  // namespace hive::policy
