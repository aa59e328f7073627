// What a client may send a monitor's control socket: each input is one connection's bytes.
#include <fcntl.h>
#include <spdlog/sinks/null_sink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "cellmon/control/cell_monitor.h"
#include "cellmon/control/control_server.h"
#include "cellmon/wire/line_buffer.h"
#include "cellmon/wire/local_socket.h"
#include "vmm/base/error.h"
#include "vmm/base/units.h"

namespace {

namespace control = hive::control;
namespace wire = hive::wire;

std::string make_folder() {
  std::string pattern = "/tmp/hive-fuzzXXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) std::abort();
  return pattern;
}

control::CellSettings settings() {
  static const std::string folder = make_folder();
  control::CellSettings settings;
  settings.machine.name = "fuzz-" + std::to_string(::getpid());
  settings.machine.cells.resize(2);
  settings.machine.cells[0].name = "alpha";
  settings.machine.cells[0].shared = hive::kMiB;
  settings.machine.cells[1].name = "beta";
  settings.launch = [](const hive::cell::CellConfig&, bool) -> control::LaunchedVmm {
    throw hive::Error("no VMM here");
  };
  settings.folder = folder;
  return settings;
}

std::string socket_name() { return "hive-fuzz/" + std::to_string(::getpid()); }

/// What a guest may have done before: a section of alpha's, some of which beta may write.
void prepare(control::GlobalMemory& global) {
  hive_global_request request{};
  request.operation = HIVE_GLOBAL_SECTION_CREATE;
  request.pages = 16;
  request.name[0] = 's';
  request.section = global.decide(request).section;
  request.operation = HIVE_GLOBAL_GRANT;
  request.cell = 1;
  request.pages = 1;
  request.stride = 2;
  request.runs = 8;
  if (global.decide(request).status != HIVE_GLOBAL_OK) std::abort();
}

/// Every line that the server sent is one that the protocol allows.
void check_replies(int fd) {
  wire::LineBuffer lines(1024 * 1024);
  std::array<char, 65536> buffer;
  ssize_t count = 0;
  while ((count = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0) {
    lines.feed({buffer.data(), static_cast<std::size_t>(count)});
    while (const auto line = lines.next()) {
      if (std::holds_alternative<std::monostate>(wire::parse_reply(*line))) std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static spdlog::logger log("", std::make_shared<spdlog::sinks::null_sink_st>());
  boost::asio::io_context loop;
  control::CellMonitor monitor(loop, settings(), log);
  control::ControlServer server(loop, wire::listen_abstract(socket_name()), monitor, log,
                                [](bool) { return wire::Json::object(); });
  monitor.start(server);
  prepare(*monitor.global());
  const hive::UniqueFd client = wire::connect_abstract(socket_name());
  for (std::size_t at = 0; at < size;) {
    const ssize_t count = ::send(client.get(), data + at, size - at, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0) at += static_cast<std::size_t>(count);
    loop.poll();
    check_replies(client.get());
    if (count < 0) break;
  }
  loop.poll();
  check_replies(client.get());
  return 0;
}
