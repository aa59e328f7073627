// Monitors of a machine whose sections move.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cellmon/control/mover.h"
#include "tests/unit/control/vsock_monitors.h"
#include "vmm/base/error.h"

namespace hive::control {

inline constexpr std::uint64_t kSize = 8 << 20;
inline constexpr std::uint64_t kHosted = 4 << 20;
enum : unsigned { kAlpha, kBeta, kGamma };
inline constexpr CellId kAlphaCell{kAlpha};
inline constexpr CellId kBetaCell{kBeta};
inline constexpr CellId kGammaCell{kGamma};

/// One cell's monitor, as far as moves go, with a loop of its own.
struct MovingMonitor {
  MovingMonitor(const plan::Machine& machine, unsigned own)
      : siblings(loop, machine, own, quiet_log()),
        memory(
            loop, machine, siblings, [](CellId, const std::string&) {}, quiet_log()),
        mover(loop, siblings, memory, 1, handlers(), quiet_log()) {
    siblings.start(machine.cells[own].shared, memory.files(), 1);
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
      throw Error("no sockets");
    }
    vmm.reset(ends[1]);
    memory.attach(UniqueFd(ends[0]), 1);
  }

  Mover::Handlers handlers() {
    Mover::Handlers made;
    made.epoch = [this] { return epoch; };
    made.incarnation = [this](CellId) { return others; };
    made.tell = [this](const std::string& kind, const std::string& detail) {
      events.push_back(kind + ": " + detail);
    };
    return made;
  }

  boost::asio::io_context loop{1};
  std::uint64_t epoch = 1;
  Incarnation others = 1;  ///< The present one of each other cell.
  std::vector<std::string> events;
  Siblings siblings;
  GlobalMemory memory;
  Mover mover;
  UniqueFd vmm;
};

/// All three contribute memory, of which half is for others.
class MoveTest : public testing::Test {
 protected:
  explicit MoveTest(plan::Discard discard = plan::Discard::kWritten) {
    static int count = 0;
    machine_.discard = discard;
    machine_.name = "move-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
    for (const char* name : {"alpha", "beta", "gamma"}) {
      plan::Cell cell;
      cell.id = CellId{static_cast<std::uint8_t>(machine_.cells.size())};
      cell.name = name;
      cell.shared = kSize;
      cell.hosted = kHosted;
      machine_.cells.push_back(cell);
    }
    for (unsigned own = 0; own < 3; ++own) {
      monitors_.push_back(std::make_unique<MovingMonitor>(machine_, own));
    }
    run_until([this] {
      return std::all_of(monitors_.begin(), monitors_.end(),
                         [](const auto& each) { return each->siblings.are_ready(); });
    });
  }

  void run_until(const std::function<bool()>& holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    bool held = holds();
    while (!held && std::chrono::steady_clock::now() < end) {
      for (unsigned own = 0; own < monitors_.size(); ++own) {
        if (own != hung_) run(own);
      }
      held = holds();
    }
    EXPECT_TRUE(held);
  }
  void run(unsigned cell) {
    at(cell).loop.run_for(std::chrono::milliseconds(1));
    at(cell).loop.restart();
  }

  MovingMonitor& at(unsigned cell) { return *monitors_[cell]; }
  const firewall::SectionTable& sections(unsigned cell) {
    return at(cell).memory.gatekeeper().sections();
  }
  const firewall::Ledger& ledger(unsigned cell) { return at(cell).memory.gatekeeper().ledger(); }

  firewall::Section make(unsigned home, const char* name, std::uint64_t pages,
                         bool movable = true) {
    hive_global_request request{};
    request.operation = HIVE_GLOBAL_SECTION_CREATE;
    request.flags = movable ? HIVE_GLOBAL_MOVABLE : 0;
    request.pages = pages;
    std::strncpy(request.name, name, sizeof request.name - 1);
    EXPECT_EQ(at(home).memory.decide(request).status, HIVE_GLOBAL_OK);
    return *sections(home).find(name);
  }
  hive_global_reply decide(unsigned home, std::uint32_t operation, const char* name,
                           std::uint32_t section = 0, unsigned cell = 0) {
    hive_global_request request{};
    request.operation = operation;
    request.section = section;
    request.cell = cell;
    request.pages = request.runs = 1;
    std::strncpy(request.name, name, sizeof request.name - 1);
    return at(home).memory.decide(request);
  }
  void fill(unsigned home, const firewall::Section& section) {
    const std::string bytes = pattern(section);
    ASSERT_EQ(::pwrite(at(home).memory.file(CellId{static_cast<std::uint8_t>(home)}), bytes.data(),
                       bytes.size(), static_cast<off_t>(section.range.first * kPageSize)),
              static_cast<ssize_t>(bytes.size()));
  }
  void expect_filled(unsigned home, const firewall::Section& section) {
    std::string bytes(section.range.count * kPageSize, '\0');
    ASSERT_EQ(::pread(at(home).memory.file(CellId{static_cast<std::uint8_t>(home)}), bytes.data(),
                      bytes.size(), static_cast<off_t>(section.range.first * kPageSize)),
              static_cast<ssize_t>(bytes.size()));
    EXPECT_TRUE(bytes == pattern(section)) << "the content is another one";
  }
  static std::string pattern(const firewall::Section& section) {
    std::string bytes(section.range.count * kPageSize, '\0');
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<char>(i * 31 + i / kPageSize + 1);
    }
    return bytes;
  }
  /// Has FROM move SECTION to TO, until that has ended.
  void move(unsigned from, const firewall::Section& section, CellId to) {
    const std::uint64_t before = at(from).mover.ends();
    ASSERT_EQ(begin(from, section, to), "");
    run_until([&] { return at(from).mover.ends() > before; });
  }
  std::string begin(unsigned from, const firewall::Section& section, CellId to) {
    const auto refusal = at(from).mover.move(static_cast<std::uint32_t>(section.id), to);
    return refusal ? refusal->text : "";
  }
  /// The section's move has come to nothing, for WHY.
  void expect_refused(unsigned from, const char* name, const std::string& why) {
    EXPECT_FALSE(at(from).mover.last_end().moved);
    EXPECT_THAT(at(from).mover.last_end().why, testing::HasSubstr(why));
    EXPECT_EQ(sections(from).find(name)->stage, firewall::Stage::kHere);
    EXPECT_THAT(at(from).events,
                testing::Contains(testing::HasSubstr("not-moved: section " + std::string(name))));
  }

  plan::Machine machine_;
  std::vector<std::unique_ptr<MovingMonitor>> monitors_;
  std::optional<unsigned> hung_;
};

}  // namespace hive::control
