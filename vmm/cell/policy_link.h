// The VMM's end of the socket to its monitor about Wax's hints.
#pragma once

#include <cstdint>

#include "guests/abi/wax.h"
#include "vmm/base/unique_fd.h"

namespace hive::cell {

/// Speaks the protocol of vmm/cell/policy_protocol.h. It keeps nothing: what the socket has no room
/// for is lost, so that a guest that floods it holds up and fills nothing. Thread-safe.
class PolicyLink {
 public:
  /// SOCKET may be none: then all is lost.
  explicit PolicyLink(UniqueFd socket);

  /// False when HINT is lost. Never blocks.
  [[nodiscard]] bool send(const hive_wax_hint& hint) const;
  /// Never blocks.
  void tell(std::uint64_t rounds, std::uint64_t dropped) const;

 private:
  UniqueFd socket_;
};

}  // namespace hive::cell
