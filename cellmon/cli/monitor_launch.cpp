#include "cellmon/cli/monitor_launch.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <nlohmann/json.hpp>
#include <string_view>

#include "vmm/base/error.h"

namespace hive::cli {

std::string monitor_program() {
  std::array<char, PATH_MAX> buffer;
  const ssize_t size = ::readlink("/proc/self/exe", buffer.data(), buffer.size());
  if (size <= 0) throw_errno("cannot read /proc/self/exe");
  const std::string path(buffer.data(), static_cast<std::size_t>(size));
  return path.substr(0, path.rfind('/')) + "/hive-cellmon";
}

LaunchedMonitor launch_monitor(const std::string& program, const std::string& plan,
                               std::size_t index, const std::string& run_dir, std::uint64_t life) {
  wire::MonitorStart start;
  start.program = program;
  start.plan = plan;
  start.index = index;
  start.run_dir = run_dir;
  start.life = life;
  return wire::start_monitor(start);
}

void await_ready(const LaunchedMonitor& monitor, std::chrono::steady_clock::time_point deadline,
                 const SignalFd& signals) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  std::array<pollfd, 2> entries{{{monitor.ready.get(), POLLIN, 0}, {signals.fd(), POLLIN, 0}}};
  ::poll(entries.data(), entries.size(), static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
  if (signals.take() != 0) throw Error("interrupted as its monitor started");
  if (entries[0].revents == 0) throw Error("its monitor does not answer");
  std::array<char, 4096> buffer;
  const ssize_t count = ::read(monitor.ready.get(), buffer.data(), buffer.size());
  if (count <= 0) throw Error("its monitor ended as it started");
  const std::string_view text(buffer.data(), static_cast<std::size_t>(count));
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (json.is_object() && json.value("ready", false)) return;
  throw Error("its monitor: " + (json.is_object() ? json.value("error", "broken") : "broken"));
}

}  // namespace hive::cli
