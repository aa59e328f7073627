// Cells that talk by vsock, beside one whose guest breaks all rules.
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "tests/kvm/harness/micro_cell.h"
#include "tests/kvm/harness/micro_machine.h"
#include "tests/kvm/harness/micro_vsock.h"
#include "vmm/base/descriptors.h"
#include "vmm/cell/vsock_protocol.h"
#include "vmm/memory/ring_file.h"
#include "vmm/memory/shared_file.h"

namespace hive::test {
namespace {

using device::vsock::Header;
using device::vsock::Op;

constexpr unsigned kHostile = 0;
constexpr unsigned kCaller = 1;
constexpr unsigned kServer = 2;
constexpr unsigned kCells = 3;
constexpr unsigned kRounds = 20;

constexpr std::uint32_t cid_of(unsigned cell) { return cell + kFirstCellCid; }

Header packet(unsigned from, std::uint64_t to_cid, Op op, std::uint32_t length = 0) {
  Header header;
  header.source_cid = cid_of(from);
  header.target_cid = to_cid;
  header.source_port = header.target_port = 7;
  header.type = device::vsock::kStream;
  header.op = op;
  header.length = length;
  header.buffer = 0x10'0000;
  return header;
}

std::vector<micro::Action> hostile_script() {
  MicroVsock driver;
  const std::uint32_t server = cid_of(kServer);
  unsigned packets = 0;
  const auto add = [&](const Header& header, std::uint32_t payload = 0, std::uint32_t size = 44) {
    (void)driver.packet(header, payload, size);
    ++packets;
  };
  add(packet(kHostile, server, Op::kRequest));                // The plan does not allow it.
  add(packet(kHostile, server, Op::kPayload, 100));           // The chain ends before.
  add(packet(kHostile, server, Op::kPayload, 100), 100, 20);  // Half a header.
  add(packet(kHostile, server, Op{99}));
  add(packet(kCaller, server, Op::kPayload, 100), 100);  // Another's address.
  add(packet(kCaller, server, Op::kReset));
  add(packet(kHostile, server, Op::kPayload, 60'000), 60'000);  // No connection.
  Header lies = packet(kHostile, server, Op::kCreditUpdate);
  lies.buffer = lies.forwarded = ~0U;
  add(lies);
  add(packet(kHostile, server, Op::kPayload, ~0U), 100);
  add(packet(kHostile, 0xffff'ffff'0000'0000 + server, Op::kRequest));
  Header type = packet(kHostile, server, Op::kRequest);
  type.type = 0xffff;
  add(type);
  // A stream to the host, and far more than there is room for.
  add(packet(kHostile, device::vsock::kHostCid, Op::kRequest));
  add(packet(kHostile, device::vsock::kHostCid, Op::kPayload, 60'000), 60'000);
  for (int batch = 0; batch < 40; ++batch) driver.send_all(packets);
  return driver.script;
}

std::vector<micro::Action> caller_script() {
  MicroVsock driver;
  const unsigned call = driver.packet(packet(kCaller, cid_of(kServer), Op::kRequest));
  const unsigned ping = driver.packet(packet(kCaller, cid_of(kServer), Op::kPayload, 64), 64);
  driver.send(call);
  driver.await(1);
  for (std::uint16_t round = 0; round < kRounds; ++round) {
    driver.send(ping);
    driver.await(static_cast<std::uint16_t>(2 + round));
  }
  return driver.script;
}

std::vector<micro::Action> server_script() {
  MicroVsock driver;
  const unsigned answer = driver.packet(packet(kServer, cid_of(kCaller), Op::kResponse));
  const unsigned pong = driver.packet(packet(kServer, cid_of(kCaller), Op::kPayload, 64), 64);
  driver.await(1);
  driver.send(answer);
  for (std::uint16_t round = 0; round < kRounds; ++round) {
    driver.await(static_cast<std::uint16_t>(2 + round));
    driver.send(pong);
  }
  return driver.script;
}

/// Cells of micro guests with rings between all of them, and the monitors' ends of their links.
class VsockCells {
 public:
  explicit VsockCells(const std::vector<std::vector<micro::Action>>& scripts) {
    for (auto& row : rings_) {
      for (Ring& ring : row) ring = make_ring();
    }
    for (unsigned cell = 0; cell < kCells; ++cell) {
      std::array<int, 2> ends{};
      if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
      links_.emplace_back(ends[0]);
      cells_.push_back(std::make_unique<MicroCell>(
          std::vector<std::vector<micro::Action>>{scripts[cell]}, std::vector<cell::DiskConfig>{},
          MicroCell::kMemory, std::nullopt, config(cell, ends[1])));
    }
    for (unsigned cell = 0; cell < kCells; ++cell) {
      for (unsigned peer = 0; peer < kCells; ++peer) {
        if (peer != cell) say(cell, cell::VsockPeerState{cell::VsockMessage::kPeerUp, peer, 1});
      }
    }
  }

  void start() {
    // First they hear that all are up: a guest's call to one that is not there is refused.
    for (const auto& cell : cells_) {
      cell->loop().restart();
      cell->loop().poll();
    }
    for (const auto& cell : cells_) cell->cell().start();
  }

  /// Runs all cells until DONE, a minute at most, and gives the hostile cell the host's sockets
  /// that it asks for.
  bool run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      for (const auto& cell : cells_) {
        cell->loop().restart();
        cell->loop().run_for(std::chrono::milliseconds(1));
      }
      if (!counting_) answer_host();
    }
    return true;
  }

  cell::VsockCounters counters(unsigned cell, unsigned peer) {
    counting_ = true;
    say(cell, cell::VsockAskCounters{});
    cell::VsockCounters found{};
    unsigned got = 0;
    (void)run_until([&] {
      cell::VsockCount count;
      while (::recv(links_[cell].get(), &count, sizeof count, MSG_DONTWAIT) == sizeof count) {
        if (count.cell == peer) found = count.counters;
        ++got;
      }
      return got == kCells - 1;
    });
    counting_ = false;
    return found;
  }

  MicroCell& cell(unsigned index) { return *cells_[index]; }

 private:
  struct Ring {
    UniqueFd file, data, space;
  };
  static Ring make_ring() {
    return {memory::make_shared_file("ring", memory::kRingFileBytes),
            UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
            UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))};
  }
  static cell::RingConfig copy(const Ring& ring) {
    return {copy_fd(ring.file.get()).release(), copy_fd(ring.data.get()).release(),
            copy_fd(ring.space.get()).release()};
  }

  cell::VsockConfig config(unsigned cell, int link) {
    cell::VsockConfig config;
    config.own = cell;
    config.cid = cid_of(cell);
    config.packets_per_second = 100'000;
    config.link = link;
    for (unsigned peer = 0; peer < kCells; ++peer) {
      if (peer == cell) continue;
      config.peers.push_back({.cell = peer,
                              .name = "peer",
                              .cid = cid_of(peer),
                              .may_call = cell != kHostile,
                              .may_be_called = peer != kHostile,
                              .out = copy(rings_[cell][peer]),
                              .in = copy(rings_[peer][cell])});
    }
    return config;
  }

  template <typename Message>
  void say(unsigned cell, const Message& message) {
    (void)send_with_files(links_[cell].get(), std::as_bytes(std::span(&message, 1)), {});
  }

  void answer_host() {
    cell::VsockHostOpen open;
    while (::recv(links_[kHostile].get(), &open, sizeof open, MSG_DONTWAIT) == sizeof open) {
      std::array<int, 2> ends{};
      if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
      program_.reset(ends[0]);  // Reads nothing.
      const UniqueFd given(ends[1]);
      cell::VsockHostReply reply;
      reply.request = open.request;
      (void)send_with_files(links_[kHostile].get(), std::as_bytes(std::span(&reply, 1)),
                            std::array{given.get()});
    }
  }

  std::array<std::array<Ring, kCells>, kCells> rings_;
  std::vector<UniqueFd> links_;
  UniqueFd program_;
  bool counting_ = false;  ///< What the links bring are counters.
  std::vector<std::unique_ptr<MicroCell>> cells_;
};

class Vsock : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = MicroMachine::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }
};

TEST_F(Vsock, CarriesOnBesideAGuestThatBreaksAllRules) {
  VsockCells cells({hostile_script(), caller_script(), server_script()});
  cells.start();
  ASSERT_TRUE(cells.run_until([&] {
    return cells.cell(kCaller).state(0) == HIVE_MICRO_DONE &&
           cells.cell(kServer).state(0) == HIVE_MICRO_DONE &&
           cells.cell(kHostile).state(0) == HIVE_MICRO_DONE;
  })) << cells.cell(kHostile).performed(0)
      << ", " << cells.cell(kCaller).performed(0) << ", " << cells.cell(kServer).performed(0);
  const auto last =
      cells.cell(kCaller).cell().memory().load<Header>({MicroVsock::received(kRounds)}).value();
  EXPECT_EQ(last.source_cid, cid_of(kServer));
  EXPECT_EQ(last.target_cid, cid_of(kCaller));
  EXPECT_EQ(last.op, Op::kPayload);
  EXPECT_EQ(last.length, 64U);
  // Nothing of the hostile guest's has come anywhere.
  const cell::VsockCounters good = cells.counters(kServer, kCaller);
  EXPECT_EQ(good.packets_in, kRounds + 1);
  EXPECT_EQ(good.resets, 0U);
  EXPECT_EQ(good.connections, 1U);
  EXPECT_EQ(cells.counters(kServer, kHostile).packets_in, 0U);
  EXPECT_EQ(cells.counters(kHostile, kServer).packets_out, 0U);
  EXPECT_GT(cells.counters(kHostile, kServer).refused, 20U);
  EXPECT_FALSE(cells.cell(kCaller).find(cell::ReportKind::kDeviceBroken));
  EXPECT_FALSE(cells.cell(kServer).find(cell::ReportKind::kDeviceBroken));
  EXPECT_FALSE(cells.cell(kHostile).find(cell::ReportKind::kDeviceBroken));
}

}  // namespace
}  // namespace hive::test
