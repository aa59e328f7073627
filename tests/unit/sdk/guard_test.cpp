// Accesses that fault come back; all other faults end as they did before.
#include "guests/sdk/guard.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <thread>
#include <vector>

namespace {

using hive::sdk::guarded_load;
using hive::sdk::guarded_load_bytes;
using hive::sdk::guarded_store;
using hive::sdk::guarded_store_bytes;
using hive::sdk::install_guard;

constexpr std::size_t kPage = 4096;

/// Three pages of a file: the first may be written, the second only be read, and the third lies
/// past the file's end, so that it raises SIGBUS.
class Guard : public ::testing::Test {
 protected:
  Guard() {
    const int fd = ::memfd_create("guard", MFD_CLOEXEC);
    EXPECT_EQ(::ftruncate(fd, 2 * kPage), 0);
    pages_ = static_cast<unsigned char*>(
        ::mmap(nullptr, 3 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    EXPECT_EQ(::mprotect(pages_ + kPage, kPage, PROT_READ), 0);
    ::close(fd);
    EXPECT_EQ(install_guard(), 0);
  }
  ~Guard() override { ::munmap(pages_, 3 * kPage); }

  unsigned char* pages_ = nullptr;
};

TEST_F(Guard, CopiesWordsAndTheirRest) {
  const std::array<unsigned char, 11> bytes{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  pages_[15] = 99;
  ASSERT_TRUE(guarded_store(pages_, bytes.data(), bytes.size()));
  std::array<unsigned char, 16> back{};
  ASSERT_TRUE(guarded_load(pages_, back.data(), back.size()));
  EXPECT_EQ(std::memcmp(back.data(), bytes.data(), bytes.size()), 0);
  EXPECT_EQ(back[15], 0) << "the rest of the last word is zeroed";
}

TEST_F(Guard, CopiesExactBytesAtAnyAlignment) {
  const std::array<unsigned char, 11> bytes{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  for (std::size_t at = 8; at < 16; ++at) {
    std::memset(pages_, 0xaa, 64);
    ASSERT_TRUE(guarded_store_bytes(pages_ + at, bytes.data(), bytes.size()));
    EXPECT_EQ(pages_[at - 1], 0xaa);
    EXPECT_EQ(pages_[at + bytes.size()], 0xaa);
    std::array<unsigned char, 11> back{};
    ASSERT_TRUE(guarded_load_bytes(pages_ + at, back.data(), back.size()));
    EXPECT_EQ(back, bytes);
  }
}

TEST_F(Guard, SurvivesAStoreThatIsRefused) {
  const std::uint64_t word = 1;
  for (int round = 0; round < 1000; ++round) {
    ASSERT_FALSE(guarded_store(pages_ + kPage, &word, sizeof word));
    ASSERT_FALSE(guarded_store_bytes(pages_ + kPage + 3, &word, 1));
    ASSERT_TRUE(guarded_store(pages_, &word, sizeof word));
  }
  EXPECT_EQ(pages_[kPage], 0);
}

TEST_F(Guard, SurvivesMemoryThatIsGone) {
  std::vector<unsigned char> bytes(2 * kPage);
  EXPECT_FALSE(guarded_load(pages_ + 2 * kPage, bytes.data(), 8));
  EXPECT_FALSE(guarded_load(pages_ + kPage, bytes.data(), bytes.size()));
  EXPECT_FALSE(guarded_load_bytes(pages_ + 2 * kPage - 3, bytes.data(), 8));
  EXPECT_TRUE(guarded_load(pages_ + kPage, bytes.data(), kPage));
}

TEST_F(Guard, SurvivesInEachThread) {
  std::vector<std::thread> threads;
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([this] {
      std::uint64_t word = 0;
      for (int round = 0; round < 200; ++round) {
        ASSERT_FALSE(guarded_load(pages_ + 2 * kPage, &word, sizeof word));
        ASSERT_TRUE(guarded_load(pages_, &word, sizeof word));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

using GuardDeathTest = Guard;

/// Exits as a handler that was there before would.
void exit_42(int /*number*/) { ::_exit(42); }
void exit_43(int /*number*/, siginfo_t* info, void* /*context*/) {
  ::_exit(info->si_addr != nullptr ? 43 : 1);
}

TEST_F(GuardDeathTest, FaultsElsewhereEndTheProcessAsEver) {
  EXPECT_EXIT(
      {
        ::signal(SIGSEGV, SIG_DFL);
        if (install_guard() == 0) *const_cast<volatile unsigned char*>(pages_ + kPage) = 1;
      },
      ::testing::KilledBySignal(SIGSEGV), "");
  EXPECT_EXIT(
      {
        ::signal(SIGBUS, SIG_DFL);
        if (install_guard() == 0) *const_cast<volatile unsigned char*>(pages_ + 2 * kPage) = 1;
      },
      ::testing::KilledBySignal(SIGBUS), "");
}

TEST_F(GuardDeathTest, SignalsThatAreSentEndTheProcessAsEver) {
  EXPECT_EXIT(
      {
        ::signal(SIGSEGV, SIG_DFL);
        if (install_guard() == 0) ::raise(SIGSEGV);
      },
      ::testing::KilledBySignal(SIGSEGV), "");
}

TEST_F(GuardDeathTest, HandlersFromBeforeGetWhatIsNotGuarded) {
  EXPECT_EXIT(
      {
        ::signal(SIGSEGV, exit_42);
        if (install_guard() == 0) *const_cast<volatile unsigned char*>(pages_ + kPage) = 1;
      },
      ::testing::ExitedWithCode(42), "");
  EXPECT_EXIT(
      {
        struct sigaction action = {};
        action.sa_sigaction = exit_43;
        action.sa_flags = SA_SIGINFO;
        ::sigaction(SIGBUS, &action, nullptr);
        const std::uint64_t word = 1;
        if (install_guard() != 0 || guarded_store(pages_ + 2 * kPage, &word, sizeof word)) {
          ::_exit(1);
        }
        *const_cast<volatile unsigned char*>(pages_ + 2 * kPage) = 1;
      },
      ::testing::ExitedWithCode(43), "");
}

/// A handler that was installed later and passes faults on to the one from before it: the
/// library's.
struct sigaction before_mine;
void pass_back(int number, siginfo_t* info, void* context) {
  before_mine.sa_sigaction(number, info, context);
}

TEST_F(GuardDeathTest, HandlersThatPassOnToEachOtherDoNotLoop) {
  EXPECT_EXIT(
      {
        ::signal(SIGSEGV, SIG_DFL);
        if (install_guard() != 0) ::_exit(1);
        struct sigaction mine = {};
        mine.sa_sigaction = pass_back;
        mine.sa_flags = SA_SIGINFO;
        ::sigaction(SIGSEGV, &mine, &before_mine);
        const std::uint64_t word = 1;
        if (install_guard() != 0 || guarded_store(pages_ + kPage, &word, sizeof word)) ::_exit(1);
        *const_cast<volatile unsigned char*>(pages_ + kPage) = 1;
      },
      ::testing::KilledBySignal(SIGSEGV), "");
}

}  // namespace
