// The vsock parts of the monitors of one machine, in one loop, with the VMMs' ends of their links.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <spdlog/sinks/null_sink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cellmon/control/vsock/vsock.h"
#include "cellmon/wire/packet_socket.h"
#include "tests/support/run_until.h"

namespace hive::control {

inline spdlog::logger& quiet_log() {
  static spdlog::logger logger("test", std::make_shared<spdlog::sinks::null_sink_mt>());
  return logger;
}

/// A packet that a VMM got from its monitor.
struct Heard {
  std::string bytes;
  std::vector<UniqueFd> files;

  /// The STRUCT that it is; fails where it is none.
  template <typename Struct>
  [[nodiscard]] Struct as(cell::VsockMessage message) const {
    Struct packet;
    EXPECT_EQ(bytes.size(), sizeof packet);
    if (bytes.size() == sizeof packet) std::memcpy(&packet, bytes.data(), sizeof packet);
    EXPECT_EQ(packet.message, message);
    return packet;
  }
};

/// One cell's monitor, as far as vsock goes.
struct VsockMonitor {
  VsockMonitor(boost::asio::io_context& io, const plan::Machine& machine, unsigned own,
               std::uint64_t life)
      : loop(io),
        siblings(io, machine, own, quiet_log()),
        vsock(io, machine, siblings,
              {[this](const CellHint&, const std::string& detail) { hints.push_back(detail); },
               [this] { ++counters_told; }},
              quiet_log()) {
    siblings.start(0, {}, life);
  }

  /// Starts a VMM, whose end of the link is `vmm`.
  void start_vmm(Incarnation incarnation) {
    std::array<int, 2> fds{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds.data()),
              0);
    vmm.reset(fds[1]);
    vsock.attach(UniqueFd(fds[0]), incarnation);
    siblings.begin(incarnation);
    siblings.tell_start();
  }
  void end_vmm() {
    vmm.reset();
    siblings.tell_end();
    vsock.detach();
  }

  boost::asio::io_context& loop;
  std::vector<std::string> hints;
  unsigned counters_told = 0;
  Siblings siblings;
  Vsock vsock;
  UniqueFd vmm;
};

class VsockMonitors : public testing::Test {
 protected:
  VsockMonitors() {
    static int count = 0;
    machine_.name = "vsock-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
    for (const char* name : {"alpha", "beta", "gamma"}) {
      plan::Cell cell;
      cell.id = CellId{static_cast<std::uint8_t>(machine_.cells.size())};
      cell.name = name;
      cell.cid = 3 + static_cast<Cid>(machine_.cells.size());
      machine_.cells.push_back(cell);
    }
  }

  /// Starts a monitor for each cell.
  void start() {
    for (unsigned cell = 0; cell < machine_.cells.size(); ++cell) start(cell);
    run_until([this] {
      for (const auto& monitor : monitors_) {
        if (!monitor->siblings.are_ready()) return false;
      }
      return true;
    });
  }
  VsockMonitor& start(unsigned cell, std::uint64_t life = 1) {
    return *monitors_.emplace_back(std::make_unique<VsockMonitor>(loop_, machine_, cell, life));
  }

  void run_until(const std::function<bool()>& holds) { test::run_until(loop_, holds); }
  /// At least for MILLISECONDS, and until all that has come by then is taken.
  void run_for(int milliseconds) {
    do {
      loop_.run_for(std::chrono::milliseconds(milliseconds));
      loop_.restart();
    } while (loop_.poll() != 0);
    loop_.restart();
  }

  /// The next packet that MONITOR's VMM gets.
  Heard hear(VsockMonitor& monitor) {
    Heard heard;
    run_until([&] {
      if (!heard.bytes.empty()) return true;
      if (auto packet = try_hear(monitor)) heard = std::move(*packet);
      return !heard.bytes.empty();
    });
    return heard;
  }
  static std::optional<Heard> try_hear(VsockMonitor& monitor) {
    std::array<char, 512> buffer;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(8 * sizeof(int))> space{};
    iovec bytes{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = space.data();
    message.msg_controllen = space.size();
    const ssize_t count = ::recvmsg(monitor.vmm.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (count <= 0) return std::nullopt;
    Heard heard{{buffer.data(), static_cast<std::size_t>(count)}, {}};
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
         part = CMSG_NXTHDR(&message, part)) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part), sizeof fd);
      heard.files.emplace_back(fd);
    }
    return heard;
  }

  /// MONITOR's VMM says PACKET.
  template <typename Struct>
  static void say(VsockMonitor& monitor, const Struct& packet) {
    EXPECT_EQ(::send(monitor.vmm.get(), &packet, sizeof packet, MSG_NOSIGNAL),
              static_cast<ssize_t>(sizeof packet));
  }

  boost::asio::io_context loop_{1};
  plan::Machine machine_;
  std::vector<std::unique_ptr<VsockMonitor>> monitors_;
};

}  // namespace hive::control
