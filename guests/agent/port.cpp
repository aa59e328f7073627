#include "guests/agent/port.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string_view>

#include "vmm/base/error.h"

namespace hive::agent {
namespace {

/// Waits between tries: short at first, so that a guest is soon up; then so rare that a guest which
/// never gets a port or a host does not notice.
class Retry {
 public:
  void wait() {
    ::usleep(delay_);
    delay_ = std::min(delay_ * 5 / 4, 1'000'000U);
  }

 private:
  useconds_t delay_ = 20'000;
};

/// The first line of a small file; empty when it cannot be read.
std::string first_line(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return {};
  std::array<char, 256> buffer;
  const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
  if (count <= 0) return {};
  const std::string_view text(buffer.data(), static_cast<std::size_t>(count));
  return std::string(text.substr(0, text.find('\n')));
}

}  // namespace

std::string find_port(const std::string& name, const std::string& dev, const std::string& sys) {
  const std::string by_name = dev + "/virtio-ports/" + name;
  if (::access(by_name.c_str(), F_OK) == 0) return by_name;
  const std::string folder = sys + "/class/virtio-ports";
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(folder.c_str()), &::closedir);
  if (!listing) return {};
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string port = entry->d_name;
    if (first_line(folder + "/" + port + "/name") == name) return dev + "/" + port;
  }
  return {};
}

UniqueFd open_port(const std::string& name) {
  Retry retry;
  while (true) {
    const std::string path = find_port(name);
    if (!path.empty()) {
      UniqueFd fd(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
      if (fd) return fd;
      // The port may be announced a moment before its device file exists.
      if (errno != ENOENT && errno != ENXIO) throw_errno("cannot open " + path);
    }
    retry.wait();
  }
}

void await_host(const UniqueFd& port) {
  // The driver reports a hang-up, at once and for ever, until the host opens its end.
  pollfd entry{port.get(), POLLOUT, 0};
  Retry retry;
  while (::poll(&entry, 1, -1) < 0 || (entry.revents & POLLHUP) != 0) {
    retry.wait();
  }
}

}  // namespace hive::agent
