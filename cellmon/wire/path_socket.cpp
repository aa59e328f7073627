#include "cellmon/wire/path_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "vmm/base/error.h"

namespace hive::wire {
namespace {

std::optional<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  if (path.empty() || path.size() >= sizeof address.sun_path) return std::nullopt;
  address.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), address.sun_path);
  return address;
}

UniqueFd make_socket() {
  return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

/// Whether PATH is a socket that nobody listens to.
bool is_stale(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
  UniqueFd probe;
  return connect_path(path, probe) == ECONNREFUSED;
}

/// The error number, or 0.
int bind_to(const UniqueFd& fd, const sockaddr_un& address) {
  return ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0
                                                                                            : errno;
}

}  // namespace

int connect_path(const std::string& path, UniqueFd& socket) {
  const auto address = address_of(path);
  if (!address) return ENAMETOOLONG;
  socket = make_socket();
  if (!socket) return errno;
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0) {
    return 0;
  }
  const int error = errno;
  socket.reset();
  return error;
}

PathListener::PathListener(std::string path, int backlog)
    : path_(std::move(path)), fd_(make_socket()) {
  const std::string what = "cannot make socket " + path_;
  const auto address = address_of(path_);
  if (!address) throw Error(what + ": its path is too long");
  // The socket's own mode is what its file gets.
  if (!fd_ || ::fchmod(fd_.get(), S_IRUSR | S_IWUSR) != 0) throw_errno(what);
  int error = bind_to(fd_, *address);
  if (error == EADDRINUSE && is_stale(path_) && ::unlink(path_.c_str()) == 0) {
    error = bind_to(fd_, *address);
  }
  if (error != 0) {
    throw_errno(what, error,
                error == EADDRINUSE
                    ? "somebody listens there, or it is another file: remove it, or "
                      "choose another path in the plan"
                : error == ENOENT ? "make its folder"
                                  : "");
  }
  struct stat info {};
  if (::lstat(path_.c_str(), &info) != 0) throw_errno(what);
  device_ = info.st_dev;
  inode_ = info.st_ino;
  if (::listen(fd_.get(), backlog) == 0) return;
  error = errno;
  ::unlink(path_.c_str());
  throw_errno(what, error);
}

PathListener::~PathListener() {
  struct stat info {};
  if (::lstat(path_.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
}

}  // namespace hive::wire
