// Abstract Unix sockets between processes of one user.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <chrono>
#include <string>

#include "vmm/base/unique_fd.h"

namespace hive::wire {

/// Binds abstract NAME and listens, with a socket of TYPE. The result does not block and is closed
/// on exec. Throws Error when the name is taken or too long.
UniqueFd listen_abstract(const std::string& name, int type = SOCK_STREAM);

/// Whether NAME can be bound now; the result holds it. Invalid when somebody else has it.
UniqueFd try_hold_abstract(const std::string& name);

/// The same as soon as nobody else has it. Invalid when somebody has at DEADLINE.
UniqueFd hold_abstract(const std::string& name, std::chrono::steady_clock::time_point deadline);

/// Connects a socket of TYPE to abstract NAME; closed on exec. Invalid when nobody listens or,
/// where TYPE has SOCK_NONBLOCK, when the listener's queue is full; else that is waited for, LIMIT
/// long unless that is 0. Throws Error when the wait was in vain, when the listener is of a user
/// that is_trusted_peer() refuses, or on other failures.
UniqueFd connect_abstract(const std::string& name, int type = SOCK_STREAM,
                          std::chrono::milliseconds limit = {});

/// Whether the process at the other end of SOCKET is root's or this user's. The kernel noted its
/// user when it connected or listened (unix(7), SO_PEERCRED).
bool is_trusted_peer(int socket);

/// A pidfd of the process that was at the other end of SOCKET when it connected or listened: it
/// becomes readable when that process has ended. Invalid where the other end is closed already,
/// since its number may then be another process's, or where the kernel refuses. The other end must
/// not be shared with other processes.
UniqueFd open_peer_process(int socket);

}  // namespace hive::wire
