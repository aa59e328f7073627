// Hints as Wax writes them into its mailbox, and as monitors get them.
#pragma once

#include <cstdint>

#include "guests/abi/wax.h"
#include "policy/hint.h"

namespace hive::policy {

/// Whose advice a hint is: monitors refuse that of others than the present ones.
struct Author {
  std::uint64_t epoch = 0;
  std::uint32_t incarnation = 0;

  friend constexpr bool operator==(const Author&, const Author&) = default;
};

hive_wax_hint words_of(const Hint& hint, const Author& author);

/// What WORDS, which may be anything, advise. False, with HINT as it was, where they are of no
/// kind, name no cell where one belongs, or say more than their kind has. Whether it can be
/// followed is fault_of()'s to say.
bool read_hint(const hive_wax_hint& words, Hint& hint);

}  // namespace hive::policy
