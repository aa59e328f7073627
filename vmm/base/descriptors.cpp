#include "vmm/base/descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>

#include "vmm/base/error.h"

namespace hive {
namespace {

constexpr std::size_t kFilesSpace = CMSG_SPACE(kMaxSentFiles * sizeof(int));

/// Those that came with MESSAGE.
std::vector<UniqueFd> take_files(msghdr& message) {
  // Owned before anything can fail.
  std::array<UniqueFd, kMaxSentFiles> taken;
  std::size_t files = 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count && files < taken.size(); ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      taken[files++] = UniqueFd(fd);
    }
  }
  const auto first = std::make_move_iterator(taken.begin());
  return {first, first + static_cast<std::ptrdiff_t>(files)};
}

}  // namespace

UniqueFd copy_fd(int fd, int least) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, least));
  if (!copy) throw_errno("cannot copy a descriptor");
  return copy;
}

int send_with_files(int socket, std::span<const std::byte> bytes, std::span<const int> files) {
  if (files.size() > kMaxSentFiles) return EINVAL;
  iovec body{const_cast<std::byte*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, kFilesSpace> space{};
  msghdr message{};
  message.msg_iov = &body;
  message.msg_iovlen = 1;
  if (!files.empty()) {
    message.msg_control = space.data();
    message.msg_controllen = CMSG_SPACE(files.size_bytes());
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(files.size_bytes());
    std::memcpy(CMSG_DATA(rights), files.data(), files.size_bytes());
  }
  return ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;
}

ReceivedPacket receive_with_files(int socket, std::span<std::byte> buffer) {
  iovec body{buffer.data(), buffer.size()};
  alignas(cmsghdr) std::array<char, kFilesSpace> space{};
  msghdr message{};
  message.msg_iov = &body;
  message.msg_iovlen = 1;
  message.msg_control = space.data();
  message.msg_controllen = space.size();
  ReceivedPacket packet;
  packet.size = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (packet.size < 0) return packet;
  packet.whole = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
  packet.files = take_files(message);
  return packet;
}

int highest_numbers(std::size_t count, std::optional<int> below) {
  constexpr rlim_t kHighest = 4096;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) throw_errno("getrlimit");
  int least = below ? *below : static_cast<int>(std::min(limit.rlim_cur, kHighest));
  for (std::size_t free = 0; free < count && least > 0;) {
    --least;
    if (::fcntl(least, F_GETFD) < 0) ++free;
  }
  return least;
}

}  // namespace hive
