#include "vmm/cell/denials.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>

#include "vmm/base/units.h"
#include "vmm/memory/bounce_file.h"

namespace hive::cell {
namespace {

using memory::BounceFile;
using memory::Denial;
using memory::DenialAnswer;
using memory::DenialOutcome;

constexpr std::uint64_t kSize = kHugePageSize;
constexpr std::uint64_t kRip = 0x1234;
/// A write that is woken too late waits again, for a home that has no more to say here.
constexpr std::chrono::milliseconds kKernelPatience{1000};

/// The VMM of cell 1 and the monitor of cell 0, whose pages it writes.
class DenialsTest : public ::testing::Test {
 protected:
  DenialsTest() {
    std::vector<UniqueFd> files;
    for (int cell = 0; cell < 2; ++cell) {
      files.emplace_back(::memfd_create("contribution", MFD_CLOEXEC));
      EXPECT_EQ(::ftruncate(files.back().get(), kSize), 0);
    }
    const std::array<std::uint64_t, 2> sizes{kSize, kSize};
    window_.emplace(std::move(files), sizes, 1U);
    memory::HomeGuard guard = std::move(window_->take_guards().at(0));
    guard_ = memory::WriteGuard(std::move(guard.descriptor), guard.base, guard.size);
    denials_.emplace(*window_, kKernelPatience);
    monitor_ = denials_->connect(0);
    denials_->start();
  }

  static bool readable(int descriptor, int timeout = 60'000) {
    pollfd waiting{descriptor, POLLIN, 0};
    return ::poll(&waiting, 1, timeout) == 1;
  }

  memory::BlockedWrite next_blocked() {
    EXPECT_TRUE(readable(guard_.fd()));
    return guard_.next().value_or(memory::BlockedWrite{});
  }

  void deny(const memory::BlockedWrite& write, std::uint64_t sequence) {
    const Denial denial{sequence, write.offset, write.thread, 0};
    EXPECT_EQ(::send(monitor_.get(), &denial, sizeof denial, 0),
              static_cast<ssize_t>(sizeof denial));
  }

  DenialAnswer answer() {
    DenialAnswer answer{};
    EXPECT_TRUE(readable(monitor_.get()));
    EXPECT_EQ(::recv(monitor_.get(), &answer, sizeof answer, MSG_DONTWAIT),
              static_cast<ssize_t>(sizeof answer));
    return answer;
  }

  /// Writes a byte as a vCPU's thread does: again and again until it is written or denied. Returns
  /// the page where it was denied.
  std::optional<std::uint64_t> write(std::uint64_t offset) {
    BounceFile bounce;
    const std::byte value{1};
    while (!bounce.write(window_->base() + offset, {&value, 1})) {
      if (const auto page = denials_->claim(3, kRip)) return page;
    }
    return std::nullopt;
  }

  std::optional<memory::GlobalWindow> window_;
  memory::WriteGuard guard_;
  std::optional<Denials> denials_;
  UniqueFd monitor_;
};

TEST_F(DenialsTest, MakeAWriteFail) {
  std::optional<std::uint64_t> denied;
  std::thread writer([&] {
    denials_->enrol([] {});
    denied = write(3 * kPageSize + 5);
    denials_->leave();
  });
  deny(next_blocked(), 7);
  const DenialAnswer said = answer();
  writer.join();
  EXPECT_EQ(denied, 3 * kPageSize);
  EXPECT_EQ(said.sequence, 7U);
  EXPECT_EQ(said.rip, kRip);
  EXPECT_EQ(said.vcpu, 3);
  EXPECT_EQ(said.outcome, static_cast<std::uint32_t>(DenialOutcome::kStopped));
  EXPECT_EQ(window_->base()[3 * kPageSize + 5], std::byte{0});
}

TEST_F(DenialsTest, LeaveThePageWritableForAGrantThatFollows) {
  std::thread writer([&] {
    denials_->enrol([] {});
    EXPECT_EQ(write(0), 0U);
    EXPECT_EQ(write(0), std::nullopt);
    denials_->leave();
  });
  deny(next_blocked(), 1);
  (void)answer();
  EXPECT_EQ(next_blocked().offset, 0U);
  guard_.open({0, kPageSize});
  writer.join();
  EXPECT_EQ(window_->base()[0], std::byte{1});
}

TEST_F(DenialsTest, AreMootWhenTheThreadNoLongerWaits) {
  std::atomic<int> kicks{0};
  std::atomic<bool> ended{false};
  std::atomic<pid_t> thread{0};
  std::thread idler([&] {
    denials_->enrol([&] { ++kicks; });
    thread = static_cast<pid_t>(::syscall(SYS_gettid));
    while (!ended) {
      if (kicks > 0) denials_->excuse();
      std::this_thread::yield();
    }
    denials_->leave();
  });
  while (thread == 0) std::this_thread::yield();
  deny({kPageSize, thread}, 5);
  const DenialAnswer said = answer();
  EXPECT_EQ(said.sequence, 5U);
  EXPECT_EQ(said.outcome, static_cast<std::uint32_t>(DenialOutcome::kMoot));
  ended = true;
  idler.join();
}

TEST_F(DenialsTest, AreMootForThreadsThatNobodyKnows) {
  std::thread stranger([&] {
    BounceFile bounce;
    const std::byte value{1};
    EXPECT_FALSE(bounce.write(window_->base(), {&value, 1}));
  });
  deny(next_blocked(), 9);
  stranger.join();
  EXPECT_EQ(answer().outcome, static_cast<std::uint32_t>(DenialOutcome::kMoot));
}

TEST_F(DenialsTest, AreTakenByTheVcpuForWhichTheKernelWrote) {
  std::thread worker([&] {
    BounceFile bounce;
    const std::byte value{1};
    EXPECT_FALSE(bounce.write(window_->base(), {&value, 1}));
    // The vCPU, which waited for it, now fails at the page itself.
    std::thread vcpu([&] {
      denials_->enrol([] {});
      EXPECT_FALSE(bounce.write(window_->base(), {&value, 1}));
      EXPECT_EQ(denials_->claim(2, kRip), std::nullopt);
      EXPECT_EQ(denials_->claim_for_kernel(2, kRip), 0U);
      EXPECT_EQ(denials_->claim_for_kernel(2, kRip), std::nullopt);
      denials_->leave();
    });
    vcpu.join();
  });
  deny(next_blocked(), 11);
  const DenialAnswer said = answer();
  worker.join();
  EXPECT_EQ(said.sequence, 11U);
  EXPECT_EQ(said.outcome, static_cast<std::uint32_t>(DenialOutcome::kStopped));
  EXPECT_EQ(said.vcpu, 2);
  EXPECT_EQ(said.rip, kRip);
}

TEST_F(DenialsTest, AreNotTakenByAVcpuThatFailsBecauseAllDo) {
  std::thread stranger([&] {
    BounceFile bounce;
    const std::byte value{1};
    EXPECT_FALSE(bounce.write(window_->base(), {&value, 1}));
  });
  const memory::BlockedWrite blocked = next_blocked();
  denials_->stop_all();
  deny(blocked, 12);
  stranger.join();
  EXPECT_EQ(denials_->claim_for_kernel(2, kRip), std::nullopt);
  denials_->let_go_on();
  EXPECT_EQ(answer().outcome, static_cast<std::uint32_t>(DenialOutcome::kMoot));
}

TEST_F(DenialsTest, OfOneThreadDoNotHurtAnother) {
  std::thread denied([&] {
    denials_->enrol([] {});
    EXPECT_EQ(write(0), 0U);
    denials_->leave();
  });
  const memory::BlockedWrite first = next_blocked();
  std::thread permitted([&] {
    denials_->enrol([] {});
    EXPECT_EQ(write(1), std::nullopt);
    denials_->leave();
  });
  const memory::BlockedWrite second = next_blocked();
  ASSERT_NE(second.thread, first.thread);
  // Both are woken, and the second one waits again.
  deny(first, 1);
  EXPECT_EQ(answer().outcome, static_cast<std::uint32_t>(DenialOutcome::kStopped));
  denied.join();
  EXPECT_EQ(next_blocked().thread, second.thread);
  guard_.open({0, kPageSize});
  permitted.join();
  EXPECT_EQ(window_->base()[0], std::byte{0});
  EXPECT_EQ(window_->base()[1], std::byte{1});
}

TEST_F(DenialsTest, EndWritesThatTakeLongerThanTheirThreadsLimits) {
  std::atomic<int> kicks{0};
  const auto write_within = [&](std::uint64_t offset, std::chrono::milliseconds limit) {
    denials_->enrol([&] { ++kicks; });
    BounceFile bounce;
    const std::byte value{1};
    const auto start = Denials::Clock::now();
    denials_->limit({offset, 1}, limit);
    EXPECT_FALSE(bounce.write(window_->base() + offset, {&value, 1}));
    EXPECT_GE(Denials::Clock::now() - start, limit);
    EXPECT_TRUE(denials_->end_limit());
    EXPECT_FALSE(denials_->end_limit());
    denials_->leave();
  };
  std::thread longer([&] { write_within(kPageSize, std::chrono::milliseconds(60)); });
  std::thread shorter([&] { write_within(0, std::chrono::milliseconds(20)); });
  longer.join();
  shorter.join();
  EXPECT_EQ(kicks, 2);
  guard_.open({0, 2 * kPageSize});
  EXPECT_EQ(write(0), std::nullopt) << "the page is unwritable still";
}

TEST_F(DenialsTest, StopAllWritesUntilNobodyWantsThatAnyMore) {
  guard_.open({0, kPageSize});
  BounceFile bounce;
  const std::byte value{1};
  denials_->stop_all();
  denials_->stop_all();
  EXPECT_FALSE(bounce.write(window_->base(), {&value, 1}));
  denials_->let_go_on();
  EXPECT_FALSE(bounce.write(window_->base(), {&value, 1}));
  denials_->let_go_on();
  EXPECT_TRUE(bounce.write(window_->base(), {&value, 1}));
}

TEST_F(DenialsTest, AreKnownToHaveDisturbedOthersAlsoWhenOver) {
  std::uint64_t mark = denials_->now();
  EXPECT_FALSE(denials_->disturbed_since(mark));
  denials_->stop_all();
  EXPECT_TRUE(denials_->disturbed_since(denials_->now())) << "they do at this moment";
  denials_->let_go_on();
  EXPECT_TRUE(denials_->disturbed_since(mark));
  EXPECT_FALSE(denials_->disturbed_since(denials_->now()));
  std::thread writer([&] {
    denials_->enrol([] {});
    mark = denials_->now();
    EXPECT_EQ(write(0), 0U);
    denials_->leave();
  });
  deny(next_blocked(), 1);
  (void)answer();
  writer.join();
  EXPECT_TRUE(denials_->disturbed_since(mark));
}

TEST_F(DenialsTest, WithNonsenseAreIgnored) {
  deny({5, 1}, 1);
  deny({kSize, 1}, 2);
  deny({~0ULL & ~(kPageSize - 1), 1}, 3);
  const char shorter = 0;
  EXPECT_EQ(::send(monitor_.get(), &shorter, 1, 0), 1);
  EXPECT_FALSE(readable(monitor_.get(), 20));
}

}  // namespace
}  // namespace hive::cell
