// Sections that guests want made in another cell's memory, or where it is best.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
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

#include "cellmon/control/global_memory.h"
#include "guests/abi/system_area.h"
#include "tests/unit/control/vsock_monitors.h"
#include "vmm/base/error.h"
#include "vmm/cell/global_protocol.h"

namespace hive::control {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kSize = 2 << 20;
constexpr std::uint64_t kHosted = 1 << 20;
constexpr std::uint64_t kHostedPages = kHosted / kPageSize;
enum : unsigned { kAlpha, kBeta, kGamma };

/// One cell's monitor, as far as global memory goes, with a loop of its own.
struct PlacingMonitor {
  PlacingMonitor(const plan::Machine& machine, unsigned own)
      : siblings(loop, machine, own, quiet_log()),
        memory(
            loop, machine, siblings, [](CellId, const std::string&) {}, quiet_log()) {
    memory.set_advised_home([this] { return advised; });
    siblings.start(machine.cells[own].shared, memory.files(), 1);
    start_vmm(1);
  }
  void start_vmm(Incarnation incarnation) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
      throw Error("no sockets");
    }
    vmm.reset(ends[1]);
    memory.attach(UniqueFd(ends[0]), incarnation);
  }

  boost::asio::io_context loop{1};
  Siblings siblings;
  GlobalMemory memory;
  std::optional<CellId> advised;
  UniqueFd vmm;
};

/// Alpha and beta contribute memory, of which beta has half for others; gamma contributes none.
class Place : public testing::Test {
 protected:
  Place() {
    static int count = 0;
    machine_.name = "place-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
    for (const char* name : {"alpha", "beta", "gamma"}) {
      plan::Cell cell;
      cell.id = CellId{static_cast<std::uint8_t>(machine_.cells.size())};
      cell.name = name;
      cell.shared = machine_.cells.size() == kGamma ? 0 : kSize;
      cell.hosted = machine_.cells.size() == kBeta ? kHosted : 0;
      machine_.cells.push_back(cell);
    }
    for (unsigned own = 0; own < 3; ++own) {
      monitors_.push_back(std::make_unique<PlacingMonitor>(machine_, own));
    }
    run_until([this] {
      return std::all_of(monitors_.begin(), monitors_.end(),
                         [](const auto& each) { return each->siblings.are_ready(); });
    });
  }

  void run_until(const std::function<bool()>& holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    bool held = holds();  // Asked once each time: it may take what it looks for.
    while (!held && std::chrono::steady_clock::now() < end) {
      for (unsigned own = 0; own < monitors_.size(); ++own) {
        if (own == hung_) continue;
        monitors_[own]->loop.run_for(std::chrono::milliseconds(1));
        monitors_[own]->loop.restart();
      }
      held = holds();
    }
    EXPECT_TRUE(held);
  }

  void send(unsigned cell, const hive_global_request& request) {
    cell::GuestRequest packet;
    packet.message = cell::GlobalMessage::kRequest;
    packet.request = request;
    ASSERT_EQ(::send(monitors_[cell]->vmm.get(), &packet, sizeof packet, 0),
              static_cast<ssize_t>(sizeof packet));
  }

  /// Whether CELL's monitor has read what its VMM has sent.
  [[nodiscard]] bool has_forwarded(unsigned cell) const {
    int unread = -1;
    return ::ioctl(monitors_[cell]->vmm.get(), SIOCOUTQ, &unread) == 0 && unread == 0;
  }
  [[nodiscard]] bool is_linked(unsigned cell, unsigned other) const {
    const CellId id{static_cast<std::uint8_t>(other)};
    return monitors_[cell]->siblings.state(id) == Siblings::State::kJoined;
  }

  /// What CELL's guest is answered.
  hive_global_reply ask(unsigned cell, const hive_global_request& request) {
    send(cell, request);
    const hive_global_reply reply = hear(cell);
    EXPECT_EQ(reply.tag, request.tag);
    return reply;
  }
  hive_global_reply hear(unsigned cell) {
    hive_global_reply reply{};
    run_until([&] {
      return ::recv(monitors_[cell]->vmm.get(), &reply, sizeof reply, MSG_DONTWAIT) ==
             static_cast<ssize_t>(sizeof reply);
    });
    return reply;
  }

  static hive_global_request create(std::uint32_t home, const char* name, std::uint64_t pages) {
    hive_global_request request{};
    request.tag = 5;
    request.operation = HIVE_GLOBAL_SECTION_CREATE;
    request.home = home;
    request.pages = pages;
    std::strncpy(request.name, name, sizeof request.name - 1);
    return request;
  }
  hive_global_reply place(unsigned cell, const char* name, std::uint64_t pages) {
    return ask(cell, create(HIVE_GLOBAL_ANY_HOME, name, pages));
  }
  void advise(unsigned home) {
    for (const auto& each : monitors_) each->advised = CellId{static_cast<std::uint8_t>(home)};
  }
  [[nodiscard]] const firewall::Gatekeeper& home(unsigned cell) const {
    return monitors_[cell]->memory.gatekeeper();
  }

  plan::Machine machine_;
  std::vector<std::unique_ptr<PlacingMonitor>> monitors_;
  std::optional<unsigned> hung_;
};

TEST_F(Place, MakesASectionAtHomeWhereNothingIsAdvised) {
  const auto reply = place(kAlpha, "here", 3);
  EXPECT_EQ(reply.status, HIVE_GLOBAL_OK);
  EXPECT_EQ(reply.home, kAlpha);
  EXPECT_EQ(monitors_[kAlpha]->memory.placed(), 0U);
  const auto nowhere = place(kGamma, "nowhere", 3);
  EXPECT_EQ(nowhere.status, HIVE_GLOBAL_NO_SPACE);
  EXPECT_THAT(nowhere.message, HasSubstr("cell gamma contributes no memory"));
}

TEST_F(Place, MakesASectionWhereItIsAdvised) {
  advise(kBeta);
  for (const unsigned cell : {kAlpha, kGamma}) {
    const auto reply = place(cell, machine_.cells[cell].name.c_str(), 3);
    EXPECT_EQ(reply.status, HIVE_GLOBAL_OK);
    EXPECT_EQ(reply.home, kBeta);
    const CellId creator{static_cast<std::uint8_t>(cell)};
    EXPECT_EQ(home(kBeta).sections().find(machine_.cells[cell].name)->creator, creator);
    EXPECT_EQ(home(kBeta).ledger().count_writable(creator), 3U);
    EXPECT_EQ(monitors_[cell]->memory.placed(), 1U);
  }
  EXPECT_EQ(place(kBeta, "own", 3).home, kBeta);
  EXPECT_EQ(home(kBeta).sections().hosted(), 6U);
}

TEST_F(Place, MakesItAtHomeWhereTheAdvisedOneRefuses) {
  advise(kBeta);
  EXPECT_EQ(place(kAlpha, "most", kHostedPages).home, kBeta);
  const auto second = place(kAlpha, "second", 1);
  EXPECT_EQ(second.status, HIVE_GLOBAL_OK);
  EXPECT_EQ(second.home, kAlpha) << "beta has no more for others";
  advise(kAlpha);
  EXPECT_EQ(place(kBeta, "third", 1).home, kBeta) << "alpha has nothing for others";
  advise(kGamma);
  EXPECT_EQ(place(kAlpha, "fourth", 1).home, kAlpha) << "gamma contributes nothing";
  const auto large = place(kAlpha, "large", 4 * kHostedPages);
  EXPECT_EQ(large.status, HIVE_GLOBAL_NO_SPACE);
  EXPECT_THAT(large.message, HasSubstr("of cell 0"));
}

TEST_F(Place, RefusesWhatAHomeThatIsNamedRefuses) {
  EXPECT_EQ(ask(kAlpha, create(kBeta, "most", kHostedPages)).status, HIVE_GLOBAL_OK);
  const auto more = ask(kAlpha, create(kBeta, "more", 1));
  EXPECT_EQ(more.status, HIVE_GLOBAL_NO_SPACE);
  EXPECT_THAT(more.message, HasSubstr("raise its `hosted`"));
  EXPECT_EQ(ask(kBeta, create(kAlpha, "none", 1)).status, HIVE_GLOBAL_NOT_HOME);
}

TEST_F(Place, TakesBackWhatASilentHomeMakesTooLate) {
  const auto before = ask(kGamma, create(kBeta, "before", 1));
  advise(kBeta);
  hung_ = kBeta;
  EXPECT_EQ(place(kAlpha, "late", 3).home, kAlpha);
  const auto named = ask(kGamma, create(kBeta, "later", 3));
  EXPECT_EQ(named.status, HIVE_GLOBAL_HOME_GONE);
  hung_.reset();
  const auto by_alpha = ask(kAlpha, create(kBeta, "a", 1));
  const auto by_gamma = ask(kGamma, create(kBeta, "b", 1));
  EXPECT_EQ(std::max(by_alpha.section, by_gamma.section), before.section + 4) << "it made both";
  EXPECT_TRUE(home(kAlpha).sections().find("late"));
  EXPECT_EQ(home(kBeta).sections().hosted(), 3U);
}

TEST_F(Place, TakesBackWhatWasMadeWhenTheLinkWasLost) {
  const auto before = ask(kGamma, create(kBeta, "before", 1));
  hung_ = kBeta;
  send(kGamma, create(kBeta, "lost", 3));
  run_until([this] { return has_forwarded(kGamma); });
  monitors_[kGamma]->siblings.cut_link(CellId{kBeta}, std::chrono::milliseconds(1));
  EXPECT_EQ(hear(kGamma).status, HIVE_GLOBAL_HOME_GONE);
  hung_.reset();
  run_until([this] { return home(kBeta).sections().find("lost").has_value(); });
  run_until([this] { return !home(kBeta).sections().find("lost"); });
  run_until([this] { return is_linked(kGamma, kBeta) && is_linked(kBeta, kGamma); });
  EXPECT_EQ(ask(kGamma, create(kBeta, "lost", 1)).section, before.section + 2);
  EXPECT_EQ(home(kBeta).sections().hosted(), 2U) << "that one is wanted";
}

TEST_F(Place, TakesBackWhatIsOnItsWayOnceItStays) {
  GlobalMemory& beta = monitors_[kBeta]->memory;
  std::vector<UniqueFd> none;
  hive_global_request asked = create(kBeta, "unwanted", 3);
  asked.flags = HIVE_GLOBAL_MOVABLE;
  beta.on_packet(CellId{kAlpha}, mesh::Request{mesh::Kind::kRequest, 7, asked}, none);
  const auto section = home(kBeta).sections().find("unwanted");
  ASSERT_TRUE(section);
  ASSERT_TRUE(beta.gatekeeper().freeze_section(section->id).ok());
  beta.on_packet(CellId{kAlpha}, mesh::Undo{mesh::Kind::kUndo, 7}, none);
  ASSERT_TRUE(home(kBeta).sections().find("unwanted")) << "it is on its way";
  beta.gatekeeper().thaw_section(section->id);
  run_until([this] { return !home(kBeta).sections().find("unwanted"); });
  EXPECT_EQ(home(kBeta).sections().hosted(), 0U);
}

TEST_F(Place, MakesNothingAtAHomeWhoseGuestDoesNotRun) {
  const auto before = ask(kAlpha, create(kBeta, "before", 3));
  GlobalMemory& beta = monitors_[kBeta]->memory;
  beta.detach();
  advise(kBeta);
  EXPECT_EQ(place(kAlpha, "placed", 3).home, kAlpha);
  const auto named = ask(kAlpha, create(kBeta, "named", 3));
  EXPECT_EQ(named.status, HIVE_GLOBAL_HOME_GONE);
  EXPECT_THAT(named.message, HasSubstr("no guest of cell beta runs now"));
  hive_global_request request{};
  request.home = kBeta;
  request.section = before.section;
  request.cell = kAlpha;
  request.pages = request.runs = 1;
  for (const auto operation :
       {HIVE_GLOBAL_SECTION_DESTROY, HIVE_GLOBAL_GRANT, HIVE_GLOBAL_REVOKE}) {
    request.operation = operation;
    EXPECT_EQ(ask(kAlpha, request).status, HIVE_GLOBAL_HOME_GONE) << operation;
  }
  EXPECT_EQ(home(kBeta).sections().hosted(), 0U);
  monitors_[kBeta]->start_vmm(2);
  EXPECT_EQ(place(kAlpha, "then", 3).home, kBeta);
}

TEST_F(Place, BeginsEachIncarnationWithNothing) {
  GlobalMemory& beta = monitors_[kBeta]->memory;
  beta.detach();
  ASSERT_EQ(beta.decide(create(kBeta, "made", 3)).status, HIVE_GLOBAL_OK);
  hive_global_request grant{};
  grant.operation = HIVE_GLOBAL_GRANT;
  grant.cell = kAlpha;
  grant.pages = grant.runs = 1;
  ASSERT_EQ(beta.decide(grant).status, HIVE_GLOBAL_OK);
  monitors_[kBeta]->start_vmm(2);
  EXPECT_FALSE(home(kBeta).sections().find("made"));
  EXPECT_TRUE(home(kBeta).sections().find(HIVE_SYSTEM_SECTION));
  EXPECT_TRUE(home(kBeta).ledger().holders().empty());
}

TEST_F(Place, KeepsASectionWhoseCreatorIsOver) {
  advise(kBeta);
  const auto made = place(kAlpha, "kept", 3);
  monitors_[kAlpha]->siblings.begin(1);
  monitors_[kAlpha]->siblings.tell_end();
  run_until([&] { return home(kBeta).ledger().count_writable(CellId{kAlpha}) == 0; });
  EXPECT_TRUE(home(kBeta).sections().find("kept"));
  hive_global_request request{};
  request.home = kBeta;
  request.section = made.section;
  request.cell = kAlpha;
  request.pages = request.runs = 1;
  request.operation = HIVE_GLOBAL_GRANT;
  EXPECT_EQ(ask(kAlpha, request).status, HIVE_GLOBAL_OK);
  request.operation = HIVE_GLOBAL_SECTION_DESTROY;
  EXPECT_EQ(ask(kAlpha, request).status, HIVE_GLOBAL_OK);
  EXPECT_FALSE(home(kBeta).sections().find("kept"));
}

TEST_F(Place, TellsWhichSectionsTheGuestUses) {
  std::vector<std::uint64_t> used;
  monitors_[kAlpha]->memory.set_on_used([&](CellId of, std::uint32_t number, std::uint64_t times) {
    used = {static_cast<std::uint64_t>(of), number, times};
  });
  hive_global_request request{};
  request.operation = HIVE_GLOBAL_SECTION_USED;
  request.home = kBeta;
  request.section = 7;
  request.pages = 11;
  EXPECT_EQ(ask(kAlpha, request).status, HIVE_GLOBAL_OK);
  EXPECT_EQ(used, (std::vector<std::uint64_t>{kBeta, 7, 11}));
  request.section = 0;
  EXPECT_EQ(ask(kAlpha, request).status, HIVE_GLOBAL_NO_SUCH_SECTION);
  request.section = 7;
  request.home = kGamma;
  EXPECT_EQ(ask(kAlpha, request).status, HIVE_GLOBAL_NO_SUCH_CELL);
}

}  // namespace
}  // namespace hive::control
