#include "vmm/memory/global_window.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <memory>
#include <thread>

#include "vmm/base/error.h"
#include "vmm/base/units.h"

namespace hive::memory {
namespace {

UniqueFd shared_file(std::uint64_t size) {
  UniqueFd file(::memfd_create("contribution", MFD_CLOEXEC));
  EXPECT_EQ(::ftruncate(file.get(), static_cast<off_t>(size)), 0);
  return file;
}

UniqueFd copy_of(const UniqueFd& file) { return UniqueFd(::dup(file.get())); }

/// Two contributions and the windows that both cells have on them.
class TwoCells : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kSize = kHugePageSize;

  static std::unique_ptr<GlobalWindow> window(const std::array<UniqueFd, 2>& files, unsigned own) {
    std::vector<UniqueFd> copies;
    for (const UniqueFd& file : files) copies.push_back(copy_of(file));
    const std::array<std::uint64_t, 2> sizes{kSize, kSize};
    return std::make_unique<GlobalWindow>(std::move(copies), sizes, own);
  }

  static WriteGuard guard_of(GlobalWindow& window) {
    std::vector<HomeGuard> guards = window.take_guards();
    EXPECT_EQ(guards.size(), 1U);
    return {std::move(guards[0].descriptor), guards[0].base, guards[0].size};
  }

  std::array<UniqueFd, 2> files_{shared_file(kSize), shared_file(kSize)};
  std::unique_ptr<GlobalWindow> alpha_ = window(files_, 0);
  std::unique_ptr<GlobalWindow> beta_ = window(files_, 1);
  // Beta's view of alpha's pages is governed by alpha.
  WriteGuard guard_ = guard_of(*beta_);
};

/// A write in a thread of its own.
class Writer {
 public:
  Writer(std::byte* at, std::byte value)
      : thread_([this, at, value] {
          number_ = static_cast<pid_t>(::syscall(SYS_gettid));
          *static_cast<volatile std::byte*>(at) = value;
          done_ = true;
        }) {}
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { thread_.join(); }

  [[nodiscard]] pid_t number() const { return number_; }
  [[nodiscard]] bool done() const { return done_; }

 private:
  std::atomic<pid_t> number_{0};
  std::atomic<bool> done_{false};
  std::thread thread_;
};

std::optional<BlockedWrite> wait_for(WriteGuard& guard) {
  pollfd readable{guard.fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&readable, 1, 60'000), 1);
  return guard.next();
}

TEST(GlobalLayout, PutsEachContributionAtAHugePage) {
  EXPECT_EQ(lay_out_global_memory({}), std::vector<Range>{});
  const std::array<std::uint64_t, 4> sizes{kPageSize, 0, 4 * kMiB, kPageSize};
  EXPECT_EQ(lay_out_global_memory(sizes),
            (std::vector<Range>{
                {0, kPageSize}, {2 * kMiB, 0}, {2 * kMiB, 4 * kMiB}, {6 * kMiB, kPageSize}}));
}

TEST_F(TwoCells, SeeEachOthersPages) {
  alpha_->base()[5] = std::byte{42};
  EXPECT_EQ(beta_->base()[5], std::byte{42});
  EXPECT_EQ(guard_.next(), std::nullopt);
  EXPECT_EQ(beta_->home_of(kSize - 1), 0);
  EXPECT_EQ(beta_->home_of(kSize), 1);
  EXPECT_EQ(beta_->home_of(2 * kSize - 1), 1);
  EXPECT_EQ(beta_->home_of(2 * kSize), -1);
}

TEST_F(TwoCells, KeepTheirCopiesOfGuardsAboveOtherDescriptors) {
  const UniqueFd lowest(::dup(0));
  ASSERT_TRUE(alpha_->first_kept() && beta_->first_kept());
  EXPECT_GT(*alpha_->first_kept(), lowest.get());
  EXPECT_GT(*alpha_->first_kept(), guard_.fd());
  EXPECT_NE(*beta_->first_kept(), *alpha_->first_kept());
}

TEST_F(TwoCells, WriteOnlyWhatIsTheirOwn) {
  beta_->base()[2 * kMiB] = std::byte{1};  // Beta's own.
  Writer writer(beta_->base() + 3 * kPageSize + 8, std::byte{7});
  const auto blocked = wait_for(guard_);
  ASSERT_TRUE(blocked.has_value());
  EXPECT_EQ(blocked->offset, 3 * kPageSize);
  EXPECT_EQ(blocked->thread, writer.number());
  EXPECT_FALSE(writer.done());
  EXPECT_EQ(alpha_->base()[3 * kPageSize + 8], std::byte{0});
  EXPECT_EQ(guard_.open({3 * kPageSize, kPageSize}), WriteGuard::Outcome::kDone);
}

TEST_F(TwoCells, WriteOnceOpenedUntilProtectedAgain) {
  EXPECT_EQ(guard_.open({0, 2 * kPageSize}), WriteGuard::Outcome::kDone);
  beta_->base()[1] = std::byte{1};
  beta_->base()[kPageSize] = std::byte{2};
  EXPECT_EQ(alpha_->base()[kPageSize], std::byte{2});
  EXPECT_EQ(guard_.protect({kPageSize, kPageSize}), WriteGuard::Outcome::kDone);
  beta_->base()[1] = std::byte{3};
  Writer writer(beta_->base() + kPageSize, std::byte{4});
  EXPECT_EQ(wait_for(guard_)->offset, kPageSize);
  EXPECT_EQ(alpha_->base()[kPageSize], std::byte{2});
  guard_.open({kPageSize, kPageSize});
}

TEST_F(TwoCells, GetAnErrorFromASystemCallThatWritesAForbiddenPage) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  ASSERT_EQ(::write(pipe[1], "abc", 3), 3);
  std::atomic<int> error{0};
  std::thread reader([&] { error = ::read(pipe[0], beta_->base(), 3) < 0 ? errno : -1; });
  ASSERT_TRUE(wait_for(guard_).has_value());
  beta_->forbid({0, kPageSize});
  beta_->wake({0, kPageSize});
  reader.join();
  beta_->allow({0, kPageSize});
  EXPECT_EQ(error, EFAULT);
  EXPECT_EQ(alpha_->base()[0], std::byte{0});
  // What forbid() does on top leaves the protection beneath as it was.
  Writer writer(beta_->base(), std::byte{9});
  EXPECT_TRUE(wait_for(guard_).has_value());
  guard_.open({0, kPageSize});
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_F(TwoCells, StayProtectedWithoutTheirHomesMonitor) {
  // The write never ends, so it is that of a process that can be killed.
  const pid_t child = ::fork();
  if (child == 0) {
    const auto beta = window(files_, 1);
    beta->take_guards().clear();
    const char ready = 1;  // Says that it is about to write: windows are not inherited.
    (void)!::pwrite(files_[0].get(), &ready, 1, kPageSize);
    beta->base()[0] = std::byte{1};
    ::_exit(0);
  }
  volatile std::byte* ready = alpha_->base() + kPageSize;
  for (int turn = 0; turn < 6000 && *ready == std::byte{0}; ++turn) ::usleep(10'000);
  EXPECT_TRUE(*ready == std::byte{1});
  ::usleep(50'000);
  EXPECT_EQ(alpha_->base()[0], std::byte{0});
  ::kill(child, SIGKILL);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
}

TEST_F(TwoCells, CannotHoldOpenWhatIsProtectedBySplittingTheirMapping) {
  // A mapping in several pieces, and one with something else in a hole of it.
  const auto pages = [](std::uint64_t first, std::uint64_t count) {
    return Range{first * kPageSize, count * kPageSize};
  };
  guard_.open(pages(0, 10));
  for (int page = 0; page < 10; ++page) beta_->base()[page * kPageSize] = std::byte{1};
  ASSERT_EQ(::mprotect(beta_->base() + 2 * kPageSize, kPageSize, PROT_READ), 0);
  ASSERT_EQ(::mprotect(beta_->base() + 4 * kPageSize, kPageSize, PROT_NONE), 0);
  std::byte* hole = beta_->base() + 6 * kPageSize;
  ASSERT_EQ(::munmap(hole, kPageSize), 0);
  ASSERT_EQ(::mmap(hole, kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            hole);
  guard_.protect(pages(0, 10));
  ASSERT_EQ(::mprotect(beta_->base(), 6 * kPageSize, PROT_READ | PROT_WRITE), 0);
  for (const std::uint64_t page : {0, 1, 2, 3, 4, 5, 7, 8, 9}) {
    Writer writer(beta_->base() + page * kPageSize, std::byte{2});
    const auto blocked = wait_for(guard_);
    EXPECT_TRUE(blocked.has_value()) << page;
    EXPECT_EQ(alpha_->base()[page * kPageSize], std::byte{1}) << page;
    guard_.open(pages(page, 1));
  }
}

TEST(WriteGuardOfTheGone, SaysSo) {
  WriteGuard guard;
  EXPECT_EQ(guard.open({0, kPageSize}), WriteGuard::Outcome::kGone);
  EXPECT_EQ(guard.next(), std::nullopt);
}

TEST_F(TwoCells, CloseOnlyWhatIsForeign) {
  EXPECT_EQ(beta_->closed(), 0U);
  EXPECT_FALSE(beta_->is_closed({0, 2 * kSize}));
  beta_->close(~std::uint64_t{0});
  EXPECT_EQ(beta_->closed(), 1U);
  EXPECT_TRUE(beta_->is_closed({kSize - 1, 1}));
  EXPECT_TRUE(beta_->is_closed({kSize - 1, 2}));
  EXPECT_FALSE(beta_->is_closed({kSize, kSize}));
  EXPECT_EQ(beta_->ones().size(), kSize);
  EXPECT_EQ(beta_->ones().base()[kSize - 1], std::byte{0xff});
  beta_->close(0);
  EXPECT_FALSE(beta_->is_closed({0, kSize}));
}

TEST_F(TwoCells, KeepTheMappingAndItsGuardWhileClosed) {
  std::byte* page = beta_->base();
  alpha_->base()[0] = std::byte{7};
  beta_->close(1);
  EXPECT_EQ(page[0], std::byte{7});
  Writer writer(page, std::byte{8});
  ASSERT_TRUE(wait_for(guard_));
  EXPECT_FALSE(writer.done());
  EXPECT_EQ(alpha_->base()[0], std::byte{7});
  EXPECT_EQ(guard_.open({0, kPageSize}), WriteGuard::Outcome::kDone);
}

TEST(GlobalWindowWithGaps, IsRefused) {
  const std::array<std::uint64_t, 2> sizes{kPageSize, kHugePageSize};
  std::vector<UniqueFd> files;
  for (const std::uint64_t size : sizes) files.push_back(shared_file(size));
  EXPECT_THROW(GlobalWindow(std::move(files), sizes, 0), Error);
}

TEST(GlobalWindowOfNobody, IsRefused) {
  const std::array<std::uint64_t, 2> sizes{0, 0};
  std::vector<UniqueFd> files(2);
  EXPECT_THROW(GlobalWindow(std::move(files), sizes, 0), Error);
}

}  // namespace
}  // namespace hive::memory
