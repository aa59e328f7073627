// Global memory as a guest finds it on the PCI bus.
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "tests/kvm/harness/global_cells.h"
#include "tests/kvm/harness/micro_disk.h"
#include "tests/kvm/harness/micro_global.h"
#include "tests/kvm/harness/micro_machine.h"
#include "vmm/base/units.h"
#include "vmm/cell/global_protocol.h"

namespace hive::test {
namespace {

using firewall::PageRanges;
using Script = std::vector<micro::Action>;
using Scripts = std::vector<std::vector<Script>>;

constexpr std::uint64_t kContribution = 2 * kMiB;
constexpr CellId kBeta{1};
constexpr std::uint8_t kGeneralProtection = 13;
constexpr MicroGlobal kDevice{2 * kContribution};

std::uint64_t word(Home& home, std::uint64_t offset) {
  std::uint64_t value = 0;
  std::memcpy(&value, home.content() + offset, sizeof value);
  return value;
}

/// In BAR2, byte OFFSET of HOME's contribution.
std::uint64_t alias(unsigned home, std::uint64_t offset) {
  return kDevice.bar2(home * kContribution + offset);
}

/// In the window.
std::uint64_t at(unsigned home, std::uint64_t offset) {
  return GlobalCells::address(home, offset, kContribution);
}

Script join(std::initializer_list<Script> parts) {
  Script all;
  for (const Script& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

class GlobalDeviceOnKvm : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = MicroMachine::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }

  /// Makes alpha, which does nothing, and beta, whose CPUs perform SCRIPTS.
  void make(const std::vector<Script>& scripts, bool linked = false) {
    cells_.emplace(Scripts{{{micro::end()}}, scripts}, kContribution, cell::OnViolation::kFault,
                   std::vector<cell::DiskConfig>{}, linked);
  }
  MicroCell& beta() { return cells_->cell(1); }
  Home& alphas() { return cells_->home(0); }
  hive_micro_result result(unsigned action) { return beta().result(0, action); }

  std::optional<GlobalCells> cells_;
};

TEST_F(GlobalDeviceOnKvm, ShowsTheWindowsBytesInItsBar) {
  make({join(
      {kDevice.map(),
       {micro::map(at(0, 0)), micro::load(8, alias(0, 64)), micro::store(8, alias(1, 8), 0x1234),
        micro::load(8, at(1, 8)), micro::store(8, at(1, 16), 0x5678), micro::load(8, alias(1, 16)),
        micro::load(4, kDevice.bar0(0x100))}})});
  const std::uint64_t value = 0xfeedfacecafe;
  std::memcpy(alphas().content() + 64, &value, sizeof value);
  cells_->start();
  ASSERT_TRUE(beta().run_until_done());
  EXPECT_EQ(result(3).value, value);
  EXPECT_EQ(result(5).value, 0x1234U);
  EXPECT_EQ(word(cells_->home(1), 8), 0x1234U);
  EXPECT_EQ(result(7).value, 0x5678U);
  EXPECT_EQ(result(8).value, HIVE_GLOBAL_MAGIC);
  EXPECT_TRUE(alphas().violations().empty());
}

TEST_F(GlobalDeviceOnKvm, StopsAForbiddenWriteThroughItsBar) {
  make({join({kDevice.map(),
              {micro::store(8, alias(0, 0x3008), ~0ULL), micro::add(8, alias(0, 0x3010), 5),
               micro::fill(alias(0, 0x3ff0), 0xaa, 32), micro::load(8, alias(0, 0x3008)),
               micro::rdtsc()}})});
  cells_->start();
  ASSERT_TRUE(beta().run_until_done());
  for (const unsigned action : {2U, 3U, 4U}) {
    EXPECT_EQ(result(action).status, HIVE_MICRO_EXCEPTION) << action;
    EXPECT_EQ(result(action).vector, kGeneralProtection) << action;
  }
  EXPECT_EQ(result(5).value, 0U);
  EXPECT_EQ(result(6).status, HIVE_MICRO_OK);
  EXPECT_TRUE(std::all_of(alphas().content(), alphas().content() + kContribution,
                          [](std::byte each) { return each == std::byte{0}; }));
  const auto violations = alphas().await_violations(3);
  ASSERT_EQ(violations.size(), 3U);
  EXPECT_EQ(violations[0].cell, kBeta);
  EXPECT_EQ(violations[0].page, 3U);
  EXPECT_EQ(violations[0].rip, result(2).rip);
  EXPECT_TRUE(beta().run_until_report(cell::ReportKind::kViolation));
}

TEST_F(GlobalDeviceOnKvm, LetsAGrantedPageBeWrittenThroughItsBar) {
  make({join({kDevice.map(),
              {micro::store(8, alias(0, 0x5000), 77), micro::store(8, alias(0, 0x5ffc), ~0ULL)}})});
  alphas().grant(kBeta, {5, 1});
  cells_->start();
  ASSERT_TRUE(beta().run_until_done());
  EXPECT_EQ(result(2).status, HIVE_MICRO_OK);
  EXPECT_EQ(word(alphas(), 0x5000), 77U);
  EXPECT_EQ(alphas().written_by(kBeta), (PageRanges{{5, 1}}));
  EXPECT_EQ(result(3).status, HIVE_MICRO_EXCEPTION);
  EXPECT_EQ(word(alphas(), 0x6000), 0U);
}

TEST_F(GlobalDeviceOnKvm, HasItsMemoryWhereTheGuestMovesIt) {
  const std::uint64_t moved = kDevice.bar2() + kDevice.bar2_size();
  make({join(
      {kDevice.map(),
       {kDevice.move(moved), micro::load(8, kDevice.bar2(64)), micro::load(8, moved + 64),
        micro::store(8, moved + 0x3000, ~0ULL), kDevice.decode(false), micro::load(8, moved + 64),
        micro::store(8, moved + 64, 5), kDevice.decode(true), micro::load(8, moved + 64)}})});
  const std::uint64_t value = 0xfeedfacecafe;
  std::memcpy(alphas().content() + 64, &value, sizeof value);
  cells_->start();
  ASSERT_TRUE(beta().run_until_done());
  EXPECT_EQ(result(3).value, ~0ULL);
  EXPECT_EQ(result(4).value, value);
  EXPECT_EQ(result(5).status, HIVE_MICRO_EXCEPTION);
  EXPECT_EQ(result(7).value, ~0ULL);
  EXPECT_EQ(result(8).status, HIVE_MICRO_OK);
  EXPECT_EQ(result(10).value, value);
  EXPECT_EQ(word(alphas(), 0x3000), 0U);
  EXPECT_EQ(alphas().await_violations(1).size(), 1U);
}

TEST_F(GlobalDeviceOnKvm, StopsWritesThatMeetAMovingBar) {
  constexpr unsigned kTurns = 200;
  const std::uint64_t moved = kDevice.bar2() + kDevice.bar2_size();
  make({join({kDevice.map(),
              {micro::start_cpu(1), micro::loop(kTurns, 2), kDevice.move(moved),
               kDevice.move(kDevice.bar2())}}),
        join({kDevice.map(),
              {micro::loop(kTurns, 2), micro::store(8, alias(0, 0x1000), ~0ULL),
               micro::store(8, moved + 0x1000, ~0ULL)}})});
  cells_->start();
  ASSERT_TRUE(beta().run_until_done(0));
  ASSERT_TRUE(beta().run_until_done(1));
  EXPECT_EQ(word(alphas(), 0x1000), 0U);
}

TEST_F(GlobalDeviceOnKvm, IsAllOnesPastGlobalMemorysEnd) {
  const MicroGlobal device{3 * kContribution};
  cells_.emplace(Scripts{{{micro::end()}},
                         {{micro::end()}},
                         {join({device.map(),
                                {micro::load(8, device.bar2(3 * kContribution - 8)),
                                 micro::load(8, device.bar2(3 * kContribution)),
                                 micro::store(8, device.bar2(3 * kContribution), 5),
                                 micro::load(8, device.bar2(device.bar2_size() - 8))}})}},
                 kContribution);
  cells_->start();
  MicroCell& guest = cells_->cell(2);
  ASSERT_TRUE(guest.run_until_done());
  EXPECT_EQ(guest.result(0, 2).value, 0U);
  EXPECT_EQ(guest.result(0, 3).value, ~0ULL);
  EXPECT_EQ(guest.result(0, 4).status, HIVE_MICRO_OK);
  EXPECT_EQ(guest.result(0, 5).value, ~0ULL);
  EXPECT_TRUE(cells_->home(0).violations().empty());
}

TEST_F(GlobalDeviceOnKvm, InterruptsAnotherCell) {
  constexpr std::uint8_t kVector = 0x55;
  // Each turn beta says that it is ready in its own memory, which alpha reads.
  const Script ring = {micro::wait(8, at(1, 0), 1), kDevice.ring(1, 2),
                       micro::wait(8, at(1, 0), 2), kDevice.ring(1, 2),
                       micro::wait(8, at(1, 0), 3), kDevice.ring(1, 2),
                       kDevice.ring(1, 3),          micro::store(8, at(0, 0), 1)};
  const Script hear = {kDevice.mask(2, false),       kDevice.enable_msix(),
                       micro::store(8, at(1, 0), 1), micro::await(kVector, 1),
                       micro::store(8, at(1, 0), 2), micro::await(kVector, 2),
                       kDevice.mask(2, true),        micro::store(8, at(1, 0), 3),
                       micro::wait(8, at(0, 0), 1),  micro::load(8, kDevice.bar1(2048)),
                       kDevice.mask(2, false),       micro::await(kVector, 3)};
  cells_.emplace(
      Scripts{{join({kDevice.map(), {micro::map(at(0, 0))}, ring})},
              {join({kDevice.map(), {micro::map(at(0, 0))}, kDevice.program(2, kVector), hear})}},
      kContribution);
  cells_->start();
  ASSERT_TRUE(beta().run_until_done()) << "stands at " << beta().performed(0);
  EXPECT_EQ(result(15).value & 4, 4U) << "a masked interrupt is not pending";
  EXPECT_EQ(result(17).value, 3U);
}

TEST_F(GlobalDeviceOnKvm, InterruptsItsOwnCellWhenSignalled) {
  constexpr std::uint8_t kVector = 0x61;
  make({join({kDevice.map(),
              kDevice.program(0, kVector),
              {kDevice.mask(0, false), kDevice.enable_msix(), micro::await(kVector, 1),
               kDevice.ring(1, 0), micro::await(kVector, 2)}})});
  ASSERT_EQ(::eventfd_write(cells_->home(1).doorbell(0), 1), 0);  // Before anybody listens.
  cells_->start();
  ASSERT_TRUE(beta().run_until_done()) << "stands at " << beta().performed(0);
  // KVM has taken what it has delivered.
  eventfd_t count = 0;
  EXPECT_LT(::eventfd_read(cells_->home(1).doorbell(0), &count), 0) << count << " are left";
}

TEST_F(GlobalDeviceOnKvm, CarriesARequestToTheMonitorAndTheReplyBack) {
  const std::uint64_t tag = offsetof(hive_global_request, tag);
  make({join({kDevice.map(),
              {micro::load(4, kDevice.state()), micro::store(8, kDevice.request() + tag, 0xabcdef),
               micro::store(4, kDevice.request() + offsetof(hive_global_request, operation),
                            HIVE_GLOBAL_CELL),
               kDevice.submit(), micro::load(4, kDevice.state()),
               micro::store(8, kDevice.request() + tag, 1), kDevice.submit(),
               micro::wait(4, kDevice.state(), HIVE_GLOBAL_ANSWERED),
               micro::load(8, kDevice.reply() + offsetof(hive_global_reply, tag)),
               micro::load(8, kDevice.reply() + offsetof(hive_global_reply, pages))}})},
       true);
  cells_->start();
  cell::GuestRequest request;
  ASSERT_TRUE(beta().run_until([&] {
    return ::recv(cells_->link(1), &request, sizeof request, MSG_DONTWAIT) == sizeof request;
  }));
  EXPECT_EQ(request.message, cell::GlobalMessage::kRequest);
  EXPECT_EQ(request.request.tag, 0xabcdefU);
  EXPECT_EQ(request.request.operation, HIVE_GLOBAL_CELL);
  ASSERT_TRUE(beta().run_until([&] { return beta().performed(0) >= 9; }));
  EXPECT_LT(::recv(cells_->link(1), &request, sizeof request, MSG_DONTWAIT), 0) << "not once";
  hive_global_reply reply{};
  reply.tag = 0xabcdef;
  reply.pages = 512;
  ASSERT_EQ(::send(cells_->link(1), &reply, sizeof reply, 0), static_cast<ssize_t>(sizeof reply));
  ASSERT_TRUE(beta().run_until_done());
  EXPECT_EQ(result(2).value, HIVE_GLOBAL_IDLE);
  EXPECT_EQ(result(6).value, HIVE_GLOBAL_BUSY);
  EXPECT_EQ(result(10).value, 0xabcdefU);
  EXPECT_EQ(result(11).value, 512U);
}

TEST_F(GlobalDeviceOnKvm, AnswersItselfWhereThereIsNoMonitor) {
  make({join({kDevice.map(),
              {micro::store(8, kDevice.request(), 7), kDevice.submit(),
               micro::wait(4, kDevice.state(), HIVE_GLOBAL_ANSWERED),
               micro::load(4, kDevice.reply() + offsetof(hive_global_reply, status))}})});
  cells_->start();
  ASSERT_TRUE(beta().run_until_done());
  EXPECT_EQ(result(5).value, HIVE_GLOBAL_HOME_GONE);
}

TEST_F(GlobalDeviceOnKvm, GivesItsGuardsToTheMonitorBeforeTheGuestRuns) {
  make({join({kDevice.map(),
              {micro::store(8, alias(0, 0x5000), 77), micro::store(8, alias(0, 0x6000), 78)}})},
       true);
  alphas().grant(kBeta, {5, 1});
  cells_->start();
  ASSERT_TRUE(beta().run_until_done());
  EXPECT_EQ(word(alphas(), 0x5000), 77U);
  EXPECT_EQ(result(3).status, HIVE_MICRO_EXCEPTION);
  EXPECT_EQ(alphas().await_violations(1).size(), 1U);
}

TEST_F(GlobalDeviceOnKvm, BindsADevicesWritesToItsBarAsToTheWindow) {
  const TempFile image{std::vector<std::byte>(kPageSize, std::byte{0xa5})};
  for (const bool granted : {true, false}) {
    const MicroDisk disk{HIVE_MICRO_FREE, alias(0, 0x4000)};
    Script script = disk.read();
    script.push_back(disk.await());
    cells_.emplace(Scripts{{{micro::end()}}, {script}}, kContribution, cell::OnViolation::kFault,
                   std::vector<cell::DiskConfig>{{image.path(), false}});
    if (granted) alphas().grant(kBeta, {4, 1});
    cells_->start();
    ASSERT_TRUE(beta().run_until_done());
    EXPECT_EQ(beta().cell().memory().load<std::uint8_t>({disk.status()}),
              granted ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
    EXPECT_EQ(word(alphas(), 0x4000), granted ? 0xa5a5'a5a5'a5a5'a5a5U : 0U);
    cells_.reset();
  }
}

}  // namespace
}  // namespace hive::test
