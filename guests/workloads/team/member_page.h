// What a worker in a cell tells the others, in the first page of its section, and the checks of it.
//
// Workers find each other's sections by name, and one that is left from an earlier run has the same
// name. So each worker draws a nonce, and writes down the nonces that it finds in the others'
// pages: who finds its own nonce in another's page knows that both are of this run.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "guests/workloads/team/team.h"

namespace hive::workloads {

inline constexpr std::uint32_t kMemberMagic = 0x4b575648;  ///< "HVWK" in memory.
inline constexpr std::uint32_t kGone = 0xffffffff;         ///< A step, where the cell has failed.
inline constexpr std::uint32_t kGaveUp = 0xfffffffe;       ///< The worker has ended with an error.
inline constexpr std::uint32_t kLeft = 0xfffffffd;         ///< It needs nothing any more.
inline constexpr std::uint32_t kMostSteps = 0xfffffff0;

/// Only its worker writes it. Integers are little-endian.
struct MemberPage {
  std::uint32_t magic;
  std::uint32_t step;  ///< How often it has come to a meeting. Others wait for this word.
  std::uint64_t nonce;
  std::uint64_t task;  ///< What all workers have to agree on: a digest of their arguments.
  std::uint32_t workers;
  std::uint32_t rank;
  std::array<double, 2> told;                   ///< At meetings with an even and an odd number.
  std::array<std::uint64_t, kMaxWorkers> seen;  ///< Each one's nonce, or 0.
};
static_assert(offsetof(MemberPage, step) == 4 && offsetof(MemberPage, told) == 32);
static_assert(offsetof(MemberPage, seen) == 48 && sizeof(MemberPage) == 560);

/// Who is looked for, and who looks.
struct Wanted {
  std::uint32_t workers = 1;
  std::uint32_t rank = 0;   ///< Of the other one.
  std::uint64_t task = 0;   ///< Of who looks.
  std::uint64_t nonce = 0;  ///< Of who looks, not 0.
  std::uint32_t self = 0;   ///< Rank of who looks.
};

enum class Found : std::uint8_t {
  kNothing,  ///< No page of a worker of this rank.
  kWorker,   ///< Perhaps one of an earlier run.
  kFellow,   ///< One that has seen who looks.
  kOther,    ///< Such a one that does something else: `task` or `workers` differ.
};

/// What PAGE, a private copy of a page that may hold anything, is.
Found examine(const MemberPage& page, const Wanted& wanted);

/// Whether a worker whose step is FOUND may be among those that meet for the time STEP: it is on
/// its way there (false), has been there (true), or something is wrong with it, which is thrown as
/// an Error about WHO.
bool has_come(std::uint32_t found, std::uint32_t step, const std::string& who);

}  // namespace hive::workloads
