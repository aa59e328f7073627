// Denials that stand, since their VMM has not answered them, and what happens meanwhile.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "cellmon/firewall/request_desk.h"
#include "vmm/base/units.h"
#include "vmm/memory/shared_file.h"

namespace hive::firewall {
namespace {

using Clock = std::chrono::steady_clock;

constexpr CellId kHome{0};
constexpr CellId kOther{1};
constexpr std::uint64_t kPages = 16;

/// The other cell writes the first page of a section that it has made, whether it may or not; its
/// VMM answers no denial.
class StandingDenial : public testing::Test {
 protected:
  StandingDenial()
      : file_(memory::make_shared_file("standing-denial", kPages * kPageSize)),
        mapping_(static_cast<std::byte*>(::mmap(nullptr, kPages * kPageSize, PROT_READ | PROT_WRITE,
                                                MAP_SHARED, file_.get(), 0))) {
    EXPECT_NE(mapping_, MAP_FAILED);
    memory::WriteGuard guard(memory::protect_writes(mapping_, kPages * kPageSize),
                             reinterpret_cast<std::uint64_t>(mapping_), kPages * kPageSize);
    guard_ = memory::WriteGuard(UniqueFd(::dup(guard.fd())), guard.base(), guard.size());
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()),
              0);
    vmm_.reset(ends[1]);
    gatekeeper_.admit(kOther, std::move(guard), UniqueFd(ends[0]));
    gatekeeper_.set_hosting(kPages);
  }
  ~StandingDenial() override {
    (void)guard_.open({0, kPages * kPageSize});  // The write that waits, if any, goes on.
    if (writer_.joinable()) writer_.join();
    ::munmap(mapping_, kPages * kPageSize);
  }

  void write() {
    writer_ = std::thread([this] {
      *mapping_ = std::byte{1};
      written_ = true;
    });
  }
  bool serve_until(const std::function<bool()>& holds) {
    const auto end = Clock::now() + std::chrono::seconds(10);
    bool held = false;
    while (!held && Clock::now() < end) {
      gatekeeper_.serve(kOther);
      held = holds();
    }
    return held;
  }
  [[nodiscard]] bool await_denial() {
    return serve_until([this] {
      return ::recv(vmm_.get(), &denial_, sizeof denial_, 0) ==
             static_cast<ssize_t>(sizeof denial_);
    });
  }
  /// The VMM answers the last denial: it has stopped the write.
  [[nodiscard]] ViolationRecord answer_denial() {
    const auto before = violations_.size();
    const memory::DenialAnswer answer{
        denial_.sequence, 0, static_cast<std::uint32_t>(memory::DenialOutcome::kStopped), -1};
    EXPECT_EQ(::send(vmm_.get(), &answer, sizeof answer, 0), static_cast<ssize_t>(sizeof answer));
    EXPECT_TRUE(serve_until([&] { return violations_.size() > before; }));
    return violations_.empty() ? ViolationRecord{} : violations_.back();
  }
  /// The write is tried, and denied, once more.
  [[nodiscard]] bool deny_again() {
    (void)guard_.wake({0, kPages * kPageSize});
    return await_denial();
  }

  static hive_global_request request(std::uint32_t operation, std::uint32_t section) {
    hive_global_request made{};
    made.operation = operation;
    made.section = section;
    made.cell = static_cast<std::uint32_t>(kOther);
    made.pages = made.runs = 1;
    made.name[0] = 's';
    return made;
  }
  /// What FROM asks, and how long that takes.
  Clock::duration time(CellId from, const hive_global_request& asked) {
    const auto since = Clock::now();
    reply_ = desk_.answer(from, asked);
    EXPECT_EQ(reply_.status, HIVE_GLOBAL_OK) << reply_.message;
    return Clock::now() - since;
  }

  std::vector<ViolationRecord> violations_;
  Gatekeeper gatekeeper_{Contribution(kHome, kPages), [this](const ViolationRecord& violation) {
                           violations_.push_back(violation);
                         }};
  RequestDesk desk_{gatekeeper_, {"home", "other"}};
  hive_global_reply reply_{};
  memory::Denial denial_{};
  UniqueFd file_;
  std::byte* mapping_;
  memory::WriteGuard guard_;
  UniqueFd vmm_;
  std::atomic<bool> written_ = false;
  std::thread writer_;
};

TEST_F(StandingDenial, HoldsHomeUpForNoOtherCell) {
  constexpr int kTimes = 5;
  write();
  ASSERT_TRUE(await_denial());
  auto taken = time(kOther, request(HIVE_GLOBAL_SECTION_CREATE, 0));
  const std::uint32_t section = reply_.section;
  for (int times = 1; times < kTimes; ++times) {
    time(kOther, request(HIVE_GLOBAL_REVOKE, section));
    ASSERT_TRUE(deny_again());
    taken += time(kOther, request(HIVE_GLOBAL_GRANT, section));
  }
  EXPECT_LT(taken, kTimes * Gatekeeper::kAnswerPatience / 2);

  time(kOther, request(HIVE_GLOBAL_REVOKE, section));
  ASSERT_TRUE(deny_again());
  EXPECT_GE(time(kHome, request(HIVE_GLOBAL_GRANT, section)), Gatekeeper::kAnswerPatience);
  (void)guard_.wake({0, kPages * kPageSize});
  EXPECT_TRUE(serve_until([this] { return written_.load(); }));
}

/// A section that may be moved and that the other cell may write.
class StandingDenialOfAMove : public StandingDenial {
 protected:
  StandingDenialOfAMove() {
    section_ = gatekeeper_.create_section("s", 1, {true, {}}).value();
    EXPECT_TRUE(gatekeeper_.grant(kOther, {&section_.range, 1}).ok());
    EXPECT_TRUE(gatekeeper_.freeze_section(section_.id).ok());
    write();
    EXPECT_TRUE(await_denial());
  }

  Section section_;
};

TEST_F(StandingDenialOfAMove, IsLateWhereTheMoveIsCalledOffMeanwhile) {
  gatekeeper_.thaw_section(section_.id);
  EXPECT_TRUE(answer_denial().is_late);
  EXPECT_EQ(gatekeeper_.violations(), 1U) << "it is counted";
  (void)guard_.wake({0, kPages * kPageSize});
  EXPECT_TRUE(serve_until([this] { return written_.load(); })) << "it may write again";
}

TEST_F(StandingDenialOfAMove, IsLateWhereAnotherSectionHasThePagesMeanwhile) {
  gatekeeper_.forward_section(section_.id, CellId{2}, SectionId{1}, {0, 1});
  ASSERT_TRUE(gatekeeper_.create_section("all", kPages).ok());
  EXPECT_TRUE(answer_denial().is_late);
  ASSERT_TRUE(deny_again());
  EXPECT_FALSE(answer_denial().is_late) << "the pages are another section's now";
}

}  // namespace
}  // namespace hive::firewall
