// What kind of file a descriptor is that another process gave.
#pragma once

#include "vmm/base/unique_fd.h"

namespace hive::control {

/// Whether FD is an eventfd. It is set so that it does not block whoever reads or writes it.
bool is_event(const UniqueFd& fd);

/// Whether FD is a userfaultfd. It is set so that it does not block whoever reads it.
bool is_guard(const UniqueFd& fd);

/// Whether FD is a SOCK_SEQPACKET socket.
bool is_packet_socket(const UniqueFd& fd);

/// Whether both are the same file, by however many ways it was opened. False where either is none.
bool is_same_file(const UniqueFd& one, const UniqueFd& other);

}  // namespace hive::control
