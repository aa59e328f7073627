// The names of control sockets: one per cell, in the abstract namespace of Unix sockets.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hive::wire {

/// A cell as seen from outside. Its control socket's name is "hive/UID/MACHINE/CELL".
struct CellAddress {
  uid_t uid = 0;
  std::string machine;
  std::string cell;

  /// "MACHINE/CELL".
  [[nodiscard]] std::string full_name() const { return machine + "/" + cell; }
  friend bool operator==(const CellAddress&, const CellAddress&) = default;
};

std::string socket_name(const CellAddress& address);

/// The name that is held while a machine is being started, so that only one starter is at it.
std::string starter_socket_name(uid_t uid, std::string_view machine);

/// Where the cell's monitor is found by those of its machine's other cells.
std::string mesh_socket_name(const CellAddress& address);

/// The name that each run of the cell holds for as long as its monitor or its VMM lives.
std::string life_socket_name(const CellAddress& address);

/// The inverse of socket_name(); nothing for a name that is not a control socket's.
std::optional<CellAddress> parse_socket_name(std::string_view name);

/// The control sockets of user UID that are listened to, given the text of /proc/net/unix; sorted
/// by machine and cell. Anybody can bind such a name: who connects checks the peer's user.
std::vector<CellAddress> find_listening(std::string_view proc_net_unix, uid_t uid);

}  // namespace hive::wire
