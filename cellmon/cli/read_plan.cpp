#include "cellmon/cli/read_plan.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "vmm/base/error.h"
#include "vmm/base/unique_fd.h"
#include "vmm/plan/limits.h"

namespace hive::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw Error(fmt::format("cannot read {}: {}; name the YAML file of a machine", path, why),
              Error::Kind::kUsage);
}

enum class Wait { kData, kEnd, kLate };

/// Waits until FILE, which had nothing, has data or its end.
Wait await_data(int file, steady_clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    if (left.count() <= 0) return Wait::kLate;
    pollfd entry{file, POLLIN, 0};
    if (::poll(&entry, 1, static_cast<int>(left.count())) <= 0) continue;
    return (entry.revents & POLLIN) != 0 ? Wait::kData : Wait::kEnd;
  }
}

/// Whether a read of nothing is not the end yet: a pipe's writer may still come.
bool is_pipe(int file) {
  struct stat facts {};
  return ::fstat(file, &facts) == 0 && S_ISFIFO(facts.st_mode);
}

}  // namespace

std::string read_plan(const std::string& path, milliseconds limit) {
  // To open a pipe that nobody writes would otherwise wait for a writer.
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) refuse(path, std::strerror(errno));
  const auto deadline = steady_clock::now() + limit;
  const bool pipe = is_pipe(file.get());
  std::string text(plan::kMaxFileSize + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != EAGAIN) refuse(path, std::strerror(errno));
    if (got > 0) {
      size += static_cast<std::size_t>(got);
    } else if (got == 0 && (size > 0 || !pipe)) {
      break;
    } else {
      const Wait wait = await_data(file.get(), deadline);
      if (wait == Wait::kLate) {
        refuse(path, fmt::format("its end has not come within {} s",
                                 std::chrono::duration<double>(limit).count()));
      }
      if (wait == Wait::kEnd && got == 0) break;
    }
  }
  text.resize(size);
  return text;
}

}  // namespace hive::cli
