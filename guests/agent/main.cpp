// hive-agent: runs in a guest, reports that it is up and serves its cell's monitor.
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "guests/abi/agent_protocol.h"
#include "guests/agent/agent.h"
#include "guests/agent/cells_file.h"
#include "guests/agent/load.h"
#include "guests/agent/locate.h"
#include "guests/agent/port.h"
#include "guests/agent/power.h"
#include "guests/agent/wild_writes.h"
#include "vmm/base/error.h"

namespace {

std::string hello() {
  utsname name{};
  ::uname(&name);
  timespec uptime{};
  ::clock_gettime(CLOCK_BOOTTIME, &uptime);
  const nlohmann::json json{
      {"version", HIVE_AGENT_VERSION},
      {"kernel", name.release},
      {"uptime", static_cast<double>(uptime.tv_sec) + static_cast<double>(uptime.tv_nsec) / 1e9}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// A guest without the file has no names for its siblings, and is as good as before otherwise.
void write_whole(const std::string& path, const std::string& text) {
  try {
    hive::agent::replace_file(path, text);
  } catch (const hive::Error& error) {
    std::fprintf(stderr, "hive-agent: %s\n", error.what());
  }
}

[[noreturn]] void serve_for_ever() {
  while (true) {
    const hive::UniqueFd port = hive::agent::open_port(HIVE_AGENT_PORT);
    hive::agent::await_host(port);
    hive::agent::Agent agent(
        port.get(), hello(), {hive::agent::power_off, hive::agent::reboot},
        [](const std::string& text) { write_whole(HIVE_AGENT_CELLS_FILE, text); },
        [] { return hive::agent::read_load(); },
        {[](const std::vector<std::string>& words) { return hive::agent::locate(words); },
         [] { return hive::agent::panic(); },
         [](const hive_agent_wild_writes& request) { return hive::agent::write_wildly(request); }});
    agent.run();
  }
}

}  // namespace

int main() {
  ::setsid();  // Commands must not get the console's signals. Fails harmlessly for a group leader.
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  ::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 0);
  if (::chdir("/") != 0) return 1;
  try {
    serve_for_ever();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hive-agent: %s\n", error.what());
    return 1;
  }
}
