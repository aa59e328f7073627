#include "cellmon/cli/host_libvirt.h"

#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/property_tree/exceptions.hpp>
#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <sstream>
#include <string_view>

#include "vmm/base/error.h"
#include "vmm/base/unique_fd.h"
#include "vmm/base/units.h"

namespace hive::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxAnswer = 16 * kMiB;
// The first byte of what the child sends.
constexpr char kCapabilities = 'c';
constexpr char kProblem = 'p';

void send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::write(fd, text.data(), text.size());
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
}

/// Asks URI and writes the answer to FD. The body of the child.
void answer(const std::string& uri, int fd) {
  ::setenv("LIBVIRT_AUTOSTART", "0", 1);
  virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});
  const virConnectPtr connection = virConnectOpenReadOnly(uri.c_str());
  char* xml = connection == nullptr ? nullptr : virConnectGetCapabilities(connection);
  if (xml == nullptr) {
    const char* why = virGetLastErrorMessage();
    send_all(fd, kProblem + std::string(why == nullptr ? "libvirt failed" : why));
    return;
  }
  send_all(fd, kCapabilities + std::string(xml));
}

/// Reads FD to its end. Nothing when that does not come before DEADLINE or kMaxAnswer.
std::optional<std::string> receive_all(int fd, Clock::time_point deadline) {
  std::string text;
  std::array<char, 64 * kKiB> buffer;
  for (;;) {
    // Rounded up: poll() waits whole milliseconds, and a part of one is still time left.
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0 || text.size() > kMaxAnswer) return std::nullopt;
    pollfd waiting{fd, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(left));
    if (ready < 0 && errno != EINTR) return std::nullopt;
    if (ready <= 0) continue;
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno != EINTR) return std::nullopt;
    if (got == 0) return text;
    if (got > 0) text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

LibvirtAnswer ask_libvirt(const std::string& uri, std::chrono::milliseconds timeout) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("cannot make a pipe");
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) throw_errno("cannot start a process to ask libvirt");
  if (child == 0) {
    answer(uri, writer.get());
    ::_exit(0);
  }
  writer.reset();
  const auto text = receive_all(reader.get(), Clock::now() + timeout);
  ::kill(child, SIGKILL);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (!text) return {"", "libvirt does not answer"};
  if (text->empty()) return {"", "libvirt crashed"};
  if (text->front() != kCapabilities) return {"", text->substr(1)};
  return {text->substr(1), ""};
}

std::optional<plan::HostTopology> parse_capabilities(const std::string& xml) {
  namespace pt = boost::property_tree;
  plan::HostTopology topology;
  try {
    std::istringstream stream(xml);
    pt::ptree root;
    pt::read_xml(stream, root);
    for (const auto& [name, cell] : root.get_child("capabilities.host.topology.cells")) {
      if (name != "cell") continue;
      plan::NumaNode node;
      node.id = cell.get<unsigned>("<xmlattr>.id");
      if (cell.get<std::string>("memory.<xmlattr>.unit") != "KiB") return std::nullopt;
      node.memory = cell.get<std::uint64_t>("memory") * kKiB;
      for (const auto& [kind, cpu] : cell.get_child("cpus")) {
        if (kind == "cpu") node.cpus.push_back(cpu.get<unsigned>("<xmlattr>.id"));
      }
      topology.nodes.push_back(std::move(node));
    }
  } catch (const pt::ptree_error&) {
    return std::nullopt;
  }
  if (topology.cpus().empty() || topology.memory() == 0) return std::nullopt;
  return topology;
}

}  // namespace hive::cli
