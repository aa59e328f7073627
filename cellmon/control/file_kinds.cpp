#include "cellmon/control/file_kinds.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

namespace hive::control {
namespace {

/// Whether FD is the kernel's own file NAME; then it does not block from now on.
bool is_anonymous(const UniqueFd& fd, std::string_view name) {
  std::array<char, 64> target{};
  const std::string path = fmt::format("/proc/self/fd/{}", fd.get());
  if (::readlink(path.c_str(), target.data(), target.size() - 1) <= 0 ||
      std::string_view(target.data()) != name) {
    return false;
  }
  const int flags = ::fcntl(fd.get(), F_GETFL);
  return flags >= 0 && ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) == 0;
}

}  // namespace

bool is_event(const UniqueFd& fd) { return is_anonymous(fd, "anon_inode:[eventfd]"); }

bool is_guard(const UniqueFd& fd) { return is_anonymous(fd, "anon_inode:[userfaultfd]"); }

bool is_packet_socket(const UniqueFd& fd) {
  int type = 0;
  socklen_t size = sizeof type;
  return ::getsockopt(fd.get(), SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

bool is_same_file(const UniqueFd& one, const UniqueFd& other) {
  struct stat first {};
  struct stat second {};
  return ::fstat(one.get(), &first) == 0 && ::fstat(other.get(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

}  // namespace hive::control
