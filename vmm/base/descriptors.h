// Copies of file descriptors, within this process and for another one.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

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

/// What recvmsg(2) brought.
struct ReceivedPacket {
  ssize_t size = -1;  ///< Bytes; -1: nothing, and errno says why.
  bool whole = true;  ///< Whether there was room for all its bytes and descriptors.
  std::vector<UniqueFd> files;
};

/// Receives a packet from SOCKET into BUFFER, with at most kMaxSentFiles descriptors, closed on
/// exec. Never blocks.
[[nodiscard]] ReceivedPacket receive_with_files(int socket, std::span<std::byte> buffer);

/// The highest number from which on COUNT numbers are free below BELOW, or below what this process
/// may have; 0 where there are fewer. Not above 4096, since the kernel's table of descriptors grows
/// with the highest one. Throws Error.
[[nodiscard]] int highest_numbers(std::size_t count, std::optional<int> below = std::nullopt);

}  // namespace hive
