// Sections that move from one cell's memory to another's.
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
#include <span>
#include <string>
#include <vector>

#include "cellmon/control/mover.h"
#include "cellmon/control/rights_file.h"
#include "tests/unit/control/vsock_monitors.h"
#include "vmm/base/error.h"
#include "vmm/cell/global_protocol.h"

namespace hive::control {
namespace {

using testing::AnyOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t kSize = 8 << 20;
constexpr std::uint64_t kHosted = 4 << 20;
enum : unsigned { kAlpha, kBeta, kGamma };
constexpr CellId kAlphaCell{kAlpha};
constexpr CellId kBetaCell{kBeta};
constexpr CellId kGammaCell{kGamma};

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
    made.incarnation = [](CellId) { return Incarnation{1}; };
    made.tell = [this](const std::string& kind, const std::string& detail) {
      events.push_back(kind + ": " + detail);
    };
    return made;
  }

  boost::asio::io_context loop{1};
  std::uint64_t epoch = 1;
  std::vector<std::string> events;
  Siblings siblings;
  GlobalMemory memory;
  Mover mover;
  UniqueFd vmm;
};

/// All three contribute memory, of which half is for others.
class MoveTest : public testing::Test {
 protected:
  MoveTest() {
    static int count = 0;
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
        if (!monitors_[own] || own == hung_) continue;
        monitors_[own]->loop.run_for(std::chrono::milliseconds(1));
        monitors_[own]->loop.restart();
      }
      held = holds();
    }
    EXPECT_TRUE(held);
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
    EXPECT_THAT(at(from).mover.last_end().why, HasSubstr(why));
    EXPECT_EQ(sections(from).find(name)->stage, firewall::Stage::kHere);
    EXPECT_THAT(at(from).events, Contains(HasSubstr("not-moved: section " + std::string(name))));
  }

  plan::Machine machine_;
  std::vector<std::unique_ptr<MovingMonitor>> monitors_;
  std::optional<unsigned> hung_;
};

TEST_F(MoveTest, MovesContentRightsAndAccounts) {
  const auto old = make(kAlpha, "hot", 700);
  fill(kAlpha, old);
  ASSERT_EQ(decide(kAlpha, HIVE_GLOBAL_GRANT, "", static_cast<std::uint32_t>(old.id), kGamma).pages,
            1U);
  move(kAlpha, old, kBetaCell);
  EXPECT_TRUE(at(kAlpha).mover.last_end().moved) << at(kAlpha).mover.last_end().why;
  EXPECT_FALSE(sections(kAlpha).find("hot"));
  const auto now = sections(kBeta).find("hot");
  ASSERT_TRUE(now);
  EXPECT_EQ(now->range.count, 700U);
  EXPECT_EQ(now->creator, kAlphaCell);
  EXPECT_TRUE(now->movable);
  expect_filled(kBeta, *now);
  EXPECT_EQ(ledger(kBeta).writable_by(kGammaCell), (firewall::PageRanges{{now->range.first, 1}}));
  EXPECT_EQ(ledger(kBeta).writable_by(kAlphaCell), (firewall::PageRanges{now->range}));
  EXPECT_EQ(ledger(kBeta).written_by(kAlphaCell), (firewall::PageRanges{now->range}))
      << "as home it could write unseen";
  EXPECT_EQ(ledger(kAlpha).count_writable(kGammaCell), 0U);
  EXPECT_EQ(sections(kBeta).hosted(), 700U);
  EXPECT_THAT(at(kAlpha).events, ElementsAre(HasSubstr("move: section hot, 700 pages"),
                                             "moved: section hot is at beta now"));
  EXPECT_THAT(at(kBeta).events,
              ElementsAre("came: section hot, 700 pages, is here now, from alpha"));
  const auto where = decide(kAlpha, HIVE_GLOBAL_SECTION_OPEN, "hot");
  EXPECT_EQ(where.status, HIVE_GLOBAL_MOVED);
  EXPECT_EQ(where.home, kBeta);
  EXPECT_EQ(where.section, static_cast<std::uint32_t>(now->id));
}

TEST_F(MoveTest, MovesBackAndOn) {
  const auto old = make(kAlpha, "hot", 4);
  fill(kAlpha, old);
  move(kAlpha, old, kBetaCell);
  move(kBeta, *sections(kBeta).find("hot"), kGammaCell);
  const auto there = sections(kGamma).find("hot");
  ASSERT_TRUE(there);
  EXPECT_EQ(sections(kBeta).hosted(), 0U);
  EXPECT_EQ(ledger(kGamma).count_writable(kBetaCell), 0U) << "it has only kept it";
  EXPECT_EQ(ledger(kGamma).count_writable(kAlphaCell), 4U);
  move(kGamma, *there, kAlphaCell);
  const auto back = sections(kAlpha).find("hot");
  ASSERT_TRUE(back);
  expect_filled(kAlpha, *back);
  EXPECT_EQ(sections(kAlpha).hosted(), 0U) << "it is its own again";
  EXPECT_EQ(at(kAlpha).memory.gatekeeper().forwardings().find("hot"), nullptr);
}

TEST_F(MoveTest, RefusesWhatCannotMove) {
  EXPECT_THAT(begin(kAlpha, make(kAlpha, "fixed", 1, false), kBetaCell),
              HasSubstr("not made to be moved"));
  const auto hot = make(kAlpha, "hot", 4);
  EXPECT_THAT(begin(kAlpha, hot, kAlphaCell), HasSubstr("another cell"));
  EXPECT_THAT(begin(kAlpha, hot, CellId{9}), HasSubstr("another cell"));
  firewall::Section none = hot;
  none.id = firewall::SectionId{77};
  EXPECT_THAT(begin(kAlpha, none, kBetaCell), HasSubstr("no section 77"));
  ASSERT_EQ(begin(kAlpha, hot, kBetaCell), "");
  EXPECT_THAT(begin(kAlpha, hot, kGammaCell), HasSubstr("being moved"));
}

TEST_F(MoveTest, KeepsWhatHomesProgramsHaveOpen) {
  const auto hot = make(kAlpha, "hot", 4);
  ASSERT_EQ(decide(kAlpha, HIVE_GLOBAL_SECTION_OPEN, "hot").status, HIVE_GLOBAL_OK);
  move(kAlpha, hot, kBetaCell);
  expect_refused(kAlpha, "hot", "programs of its home have section \"hot\" open");
  run_until([this] { return sections(kBeta).hosted() == 0; });
}

TEST_F(MoveTest, KeepsWhatTheTargetHasNoRoomFor) {
  const auto large = make(kAlpha, "large", kHosted / kPageSize + 1);
  move(kAlpha, large, kBetaCell);
  expect_refused(kAlpha, "large", "no room");
  const auto same = make(kAlpha, "same", 1);
  (void)make(kBeta, "same", 1);
  move(kAlpha, same, kBetaCell);
  expect_refused(kAlpha, "same", "a section of that name");
}

TEST_F(MoveTest, KeepsWhatATargetOfAnotherViewIsOffered) {
  const auto hot = make(kAlpha, "hot", 4);
  at(kAlpha).epoch = 2;
  move(kAlpha, hot, kBetaCell);
  expect_refused(kAlpha, "hot", "its view of the machine is another one");
}

TEST_F(MoveTest, KeepsWhatASilentTargetDoesNotTake) {
  const auto hot = make(kAlpha, "hot", 700);
  ASSERT_EQ(begin(kAlpha, hot, kBetaCell), "");
  run_until([this] { return sections(kBeta).hosted() != 0; });
  hung_ = kBeta;
  run_until([this] { return at(kAlpha).mover.ends() == 1; });
  expect_refused(kAlpha, "hot", "does not answer");
  EXPECT_FALSE(ledger(kAlpha).is_frozen(hot.range.first));
  EXPECT_EQ(sections(kBeta).hosted(), 700U);
  hung_.reset();
  run_until([this] { return sections(kBeta).hosted() == 0; });
  EXPECT_EQ(at(kBeta).mover.counts().came, 0U);
  EXPECT_EQ(begin(kAlpha, hot, kBetaCell), "");
}

TEST_F(MoveTest, KeepsWhatATargetWithoutAGuestIsOffered) {
  const auto hot = make(kAlpha, "hot", 4);
  at(kBeta).memory.detach();
  move(kAlpha, hot, kBetaCell);
  expect_refused(kAlpha, "hot", "no guest of its cell runs");
}

TEST_F(MoveTest, KeepsWhatIsUnderWayAsTheViewChanges) {
  const auto hot = make(kAlpha, "hot", 700);
  ASSERT_EQ(begin(kAlpha, hot, kBetaCell), "");
  run_until([&] { return sections(kAlpha).find("hot")->stage == firewall::Stage::kLeaving; });
  at(kAlpha).epoch = 2;
  run_until([this] { return at(kAlpha).mover.ends() == 1; });
  expect_refused(kAlpha, "hot", "cells have failed, or come back");
  run_until([this] { return sections(kBeta).hosted() == 0; });
}

TEST_F(MoveTest, TakesNoRightsOfWhoIsNoOtherCell) {
  mesh::MoveWord offer;
  offer.number = offer.life = offer.epoch = offer.pages = 1;
  offer.step = mesh::MoveStep::kOffer;
  std::strncpy(offer.name.data(), "hot", offer.name.size() - 1);
  for (const unsigned holder : {3U, 40U, 63U, unsigned{kBeta}}) {
    const auto say = [&](mesh::MoveStep step, std::span<const int> files) {
      offer.step = step;
      ASSERT_TRUE(
          at(kAlpha).siblings.send(kBetaCell, mesh::Move{mesh::Kind::kMove, 0, offer}, files));
    };
    say(mesh::MoveStep::kOffer, {});
    run_until([this] { return sections(kBeta).hosted() == 1; });
    const firewall::SectionRights rights{
        {CellId{static_cast<std::uint8_t>(holder)}, {{0, 1}}, {}, 1}};
    const UniqueFd file = make_rights_file(rights, 1);
    const std::array<int, 1> files{file.get()};
    offer.holders = firewall::holders_of(rights).bits();
    say(mesh::MoveStep::kCopy, files);
    run_until([this] { return sections(kBeta).hosted() == 0; });
    ++offer.number;
  }
}

TEST_F(MoveTest, KeepsWhatATargetThatFailsDoesNotTake) {
  const auto hot = make(kAlpha, "hot", 700);
  ASSERT_EQ(begin(kAlpha, hot, kBetaCell), "");
  run_until([&] { return sections(kAlpha).find("hot")->stage == firewall::Stage::kLeaving; });
  hung_ = kBeta;
  at(kAlpha).siblings.cut_off(kBetaCell);
  EXPECT_EQ(at(kAlpha).mover.ends(), 1U);
  expect_refused(kAlpha, "hot", "gone");
  EXPECT_FALSE(ledger(kAlpha).is_frozen(hot.range.first));
}

TEST_F(MoveTest, ForgetsWhatASourceThatFailsDoesNotBring) {
  const auto hot = make(kAlpha, "hot", 700);
  ASSERT_EQ(begin(kAlpha, hot, kBetaCell), "");
  run_until([this] { return sections(kBeta).hosted() != 0; });
  hung_ = kAlpha;
  at(kBeta).siblings.cut_off(kAlphaCell);
  EXPECT_EQ(sections(kBeta).hosted(), 0U);
  EXPECT_FALSE(sections(kBeta).find("hot"));
  EXPECT_THAT(at(kBeta).events, IsEmpty());
}

TEST_F(MoveTest, EndsWithTheSectionsOfTheSource) {
  const auto hot = make(kAlpha, "hot", 700);
  ASSERT_EQ(begin(kAlpha, hot, kBetaCell), "");
  run_until([&] { return sections(kAlpha).find("hot")->stage == firewall::Stage::kLeaving; });
  at(kAlpha).memory.detach();
  run_until([this] { return at(kAlpha).mover.ends() == 1 && sections(kBeta).hosted() == 0; });
  EXPECT_FALSE(at(kAlpha).mover.last_end().moved);
  EXPECT_FALSE(sections(kBeta).find("hot"));
}

TEST_F(MoveTest, TakesNoRightsThatMakeNoSense) {
  const firewall::SectionRights rights{{kBetaCell, {{0, 3}, {7, 1}}, {{7, 1}}, 4}};
  const UniqueFd file = make_rights_file(rights, 8);
  const auto holders = firewall::holders_of(rights);
  EXPECT_EQ(read_rights_file(file.get(), holders, 8), rights);
  EXPECT_EQ(read_rights_file(file.get(), holders, 65), std::nullopt);
  EXPECT_EQ(read_rights_file(file.get(), holders, 7), std::nullopt);
  EXPECT_EQ(read_rights_file(file.get(), firewall::WriterSet(7), 8), std::nullopt);
  EXPECT_EQ(read_rights_file(-1, holders, 8), std::nullopt);
  EXPECT_EQ(read_rights_file(file.get(), holders, ~std::uint64_t{0}), std::nullopt);
}

}  // namespace
}  // namespace hive::control
