// Copies of file descriptors, within this process and for another one.
#pragma once

#include <cstddef>
#include <span>

#include "vmm/base/unique_fd.h"

namespace hive {

/// Descriptors that one packet may carry.
inline constexpr std::size_t kMaxSentFiles = 8;

/// A copy of FD, closed on exec, whose number is at least LEAST. Throws Error when there is no room
/// for it.
UniqueFd copy_fd(int fd, int least = 0);

/// Sends the packet BYTES over SOCKET with copies of FILES (unix(7), SCM_RIGHTS), at most
/// kMaxSentFiles. Never blocks. The error number, or 0.
[[nodiscard]] int send_with_files(int socket, std::span<const std::byte> bytes,
                                  std::span<const int> files);

}  // namespace hive
