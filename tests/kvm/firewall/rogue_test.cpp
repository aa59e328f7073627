// A VMM that was taken over after its start cannot widen its rights to global memory.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <span>
#include <string>

#include "tests/kvm/firewall/rogue/attempts.h"
#include "tests/kvm/firewall/rogue/rogue_run.h"
#include "tests/kvm/harness/global_cells.h"
#include "tests/kvm/harness/micro_machine.h"
#include "vmm/base/sanitized.h"
#include "vmm/cell/global_protocol.h"

namespace hive::test {
namespace {

constexpr std::byte kContent{0x5a};
constexpr CellId kBeta{1};

/// One rogue VMM as cell 1, with the homes' gatekeepers in this process, and what it tells.
class RogueRun {
 public:
  /// MEMORY is how much RAM its guest has, in MiB.
  explicit RogueRun(const char* mode, const std::string& which,
                    std::uint64_t memory = MicroCell::kMemory / kMiB) {
    std::fill_n(alpha_.content(), kRogueContribution, kContent);
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    socket_.reset(ends[0]);
    const UniqueFd other(ends[1]);
    const UniqueFd own = alpha_.file();
    const UniqueFd beta = beta_.file();
    child_ = ::fork();
    if (child_ == 0) {
      execute({own.get(), beta.get(), other.get()}, mode, which, std::to_string(memory));
    }
    admit();
  }
  RogueRun(const RogueRun&) = delete;
  RogueRun& operator=(const RogueRun&) = delete;
  ~RogueRun() {
    if (child_ > 0) (void)end();
  }

  /// The next that it tells; nothing once it has ended.
  std::optional<AttemptReport> next() {
    for (;;) {
      AttemptReport report;
      const ssize_t got = ::recv(socket_.get(), &report, sizeof report, 0);
      if (got <= 0) return std::nullopt;
      if (got == sizeof report) return report;
    }
  }

  /// Its status, as waitpid(2) has it.
  int end() {
    int status = 0;
    EXPECT_EQ(::waitpid(child_, &status, 0), child_);
    child_ = -1;
    return status;
  }

  Home& alpha() { return alpha_; }
  /// Where alpha's memory is not as it was, or its end.
  [[nodiscard]] std::uint64_t first_change() const {
    const std::span content(alpha_.content(), kRogueContribution);
    const auto changed = std::find_if(content.begin(), content.end(),
                                      [](std::byte each) { return each != kContent; });
    return static_cast<std::uint64_t>(changed - content.begin());
  }

 private:
  [[noreturn]] static void execute(std::array<int, 3> descriptors, const char* mode,
                                   const std::string& which, const std::string& memory) {
    constexpr int kFirst = 3, kAside = 100;
    for (int& each : descriptors) each = ::fcntl(each, F_DUPFD, kAside);
    for (int place = 0; place < 3; ++place) ::dup2(descriptors.at(place), kFirst + place);
    for (const int each : descriptors) ::close(each);
    ::execl(HIVE_ROGUE_PROGRAM, "hive-rogue-vmm", mode, which.c_str(), memory.c_str(), nullptr);
    ::_exit(127);
  }

  void admit() {
    cell::GuardOffer offer;
    std::array<int, 2> descriptors{-1, -1};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof descriptors)> control{};
    iovec data{&offer, sizeof offer};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ASSERT_EQ(::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC), sizeof offer);
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    ASSERT_NE(header, nullptr);
    std::memcpy(descriptors.data(), CMSG_DATA(header), sizeof descriptors);
    alpha_.admit(kBeta, {{offer.home, UniqueFd(descriptors[0]), offer.base, offer.size},
                         UniqueFd(descriptors[1])});
    ASSERT_EQ(::send(socket_.get(), "", 1, 0), 1);
  }

  Home alpha_{CellId{0}, kRogueContribution};
  Home beta_{kBeta, kRogueContribution};
  UniqueFd socket_;
  pid_t child_ = -1;
};

class RogueVmm : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = MicroMachine::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
#ifdef HIVE_SANITIZED
    GTEST_SKIP() << "a sanitizer's runtime needs more than a VMM may have";
#endif
  }
};

TEST_F(RogueVmm, CannotWidenItsRights) {
  RogueRun run("confined", "all");
  std::size_t made = 0;
  std::optional<int> guests_store;
  while (const auto report = run.next()) {
    if (report->attempt == attempts().size()) {
      guests_store = report->error;
      continue;
    }
    const Attempt& attempt = attempts()[report->attempt];
    ++made;
    EXPECT_EQ(run.first_change(), kRogueContribution) << attempt.name;
    if (attempt.confined == Confined::kHarmless) continue;
    EXPECT_TRUE(report->error == EPERM || report->error == EACCES)
        << attempt.name << ": " << std::strerror(report->error);
  }
  EXPECT_EQ(run.end(), 0);
  EXPECT_EQ(made, static_cast<std::size_t>(std::count_if(
                      attempts().begin(), attempts().end(),
                      [](const Attempt& each) { return each.confined != Confined::kDies; })));
  EXPECT_EQ(guests_store, int{HIVE_MICRO_EXCEPTION});
  const auto violations = run.alpha().await_violations(1);
  // Hardware shows the store by way of the memory slot too.
  EXPECT_TRUE(std::any_of(violations.begin(), violations.end(),
                          [](const auto& each) { return each.page == kGuestsPage; }));
  EXPECT_EQ(run.first_change(), kRogueContribution);
  EXPECT_TRUE(run.alpha().written_by(kBeta).empty());
}

/// So much that no bit of an address below 2^32 tells RAM from what is around it.
TEST_F(RogueVmm, CannotReachBeyondLargeRam) {
  for (std::size_t index = 0; index < attempts().size(); ++index) {
    const Attempt& attempt = attempts()[index];
    if (std::string(attempt.name).find("RAM") == std::string::npos) continue;
    RogueRun run("confined", std::to_string(index), 4096);
    const auto report = run.next();
    EXPECT_EQ(run.end(), 0);
    ASSERT_TRUE(report.has_value()) << attempt.name;
    EXPECT_EQ(run.first_change(), kRogueContribution) << attempt.name;
    if (attempt.confined == Confined::kRefused) {
      EXPECT_EQ(report->error, EPERM) << attempt.name << ": " << std::strerror(report->error);
    }
  }
}

TEST_F(RogueVmm, DiesOfACallThatIsNotOfItsAbi) {
  for (std::size_t index = 0; index < attempts().size(); ++index) {
    if (attempts()[index].confined != Confined::kDies) continue;
    RogueRun run("confined", std::to_string(index));
    EXPECT_FALSE(run.next().has_value()) << attempts()[index].name;
    const int status = run.end();
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) << attempts()[index].name;
  }
}

/// The same attempts where nothing but the firewall is in their way: a test of the test.
TEST_F(RogueVmm, CouldDoSoWithoutTheSandbox) {
  for (std::size_t index = 0; index < attempts().size(); ++index) {
    const Attempt& attempt = attempts()[index];
    if (attempt.unconfined == Unconfined::kVaries) continue;
    RogueRun run("free", std::to_string(index));
    const auto report = run.next();
    (void)run.end();
    ASSERT_TRUE(report.has_value()) << attempt.name;
    EXPECT_EQ(report->error, 0) << attempt.name << ": " << std::strerror(report->error);
    const std::uint64_t changed = attempt.unconfined == Unconfined::kWrites
                                      ? page_of_attempt(index) * kPageSize
                                      : kRogueContribution;
    EXPECT_EQ(run.first_change(), changed) << attempt.name;
  }
}

}  // namespace
}  // namespace hive::test
