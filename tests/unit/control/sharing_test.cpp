// Loans between cells, by the monitors of a machine whose Wax is scripted.
#include "cellmon/control/sharing.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <string>

#include "cellmon/metrics/report.h"
#include "tests/unit/control/trio.h"
#include "vmm/base/units.h"

namespace hive::control {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// Cells alpha and beta, of MEMORY each, and gamma, which says the test's hints.
class Lenders {
 public:
  explicit Lenders(std::uint64_t memory = 256 * kMiB, std::uint64_t reserve = 64 * kMiB)
      : pipe_(open_pipe(path())),
        trio_(
            {"counts; report started", "counts; report started", "report started; hints " + path()},
            plan::OnFailure::kLeave, 0, [=](plan::Machine& machine) {
              for (plan::Cell& cell : machine.cells) {
                cell.memory = memory;
                cell.reserve = reserve;
                cell.spare = 128 * kMiB;
              }
              machine.cells[2].policy = "none";
            }) {
    trio_.await_running();
  }
  const Trio* operator->() const { return &trio_; }
  const Trio& operator*() const { return trio_; }

  /// Says HINT until CELL follows it, or refuses it for REASON: when guests begin to run, monitors
  /// do not know yet what they decide by.
  void say(const std::string& hint, const std::string& cell, const std::string& reason = {}) const {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < deadline) {
      const auto before = outcomes(cell);
      ASSERT_EQ(::write(pipe_.get(), (hint + "\n").data(), hint.size() + 1),
                static_cast<ssize_t>(hint.size() + 1));
      auto now = before;
      while (now == before && std::chrono::steady_clock::now() < deadline) {
        ::usleep(5000);
        now = outcomes(cell);
      }
      if (now[reason] != before.at(reason)) return;
    }
    ADD_FAILURE() << hint;
  }

 private:
  [[nodiscard]] std::string path() const { return folder_.path() + "/hints"; }
  static UniqueFd open_pipe(const std::string& path) {
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
    return UniqueFd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  }
  /// How many hints CELL has refused, by reason, and followed: "".
  [[nodiscard]] std::map<std::string, double> outcomes(const std::string& cell) const {
    using metrics::Metric;
    const auto report =
        metrics::parse_report(trio_.connect(cell).call("metrics", Json::object())["metrics"]);
    std::map<std::string, double> counts{{"", report->value(Metric::kHintsFollowed).value()}};
    for (std::size_t index = 0; index < sharing::kReasons; ++index) {
      const std::string reason(to_string(static_cast<sharing::Reason>(index)));
      counts[reason] = report->value(Metric::kHintsRefused, {reason}).value_or(0);
    }
    return counts;
  }

  TestFolder folder_;
  UniqueFd pipe_;
  Trio trio_;
};

void await_loan(const Trio& trio, std::uint64_t bytes) {
  trio.await("alpha", [&](const auto& now) { return now.lent == bytes; });
  trio.await("beta", [&](const auto& now) { return now.borrowed == bytes; });
}

/// The VMM's share of what METHOD ("balloon", "plug") tells of CELL.
std::uint64_t has(const Trio& trio, const char* cell, const char* method, const char* member) {
  return trio.connect(cell).call(method, Json::object())[member].get<std::uint64_t>();
}

void await(const Trio& trio, const char* cell, const char* method, const char* member,
           std::uint64_t bytes) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (has(trio, cell, method, member) != bytes && std::chrono::steady_clock::now() < deadline) {
    ::usleep(20'000);
  }
  EXPECT_EQ(has(trio, cell, method, member), bytes) << cell << ' ' << method;
}

TEST(Sharing, FollowsHintsBetweenMonitors) {
  const Lenders trio;
  trio.say("1 0 1 8", "alpha");
  await_loan(*trio, 16 * kMiB);
  await(*trio, "alpha", "balloon", "given", 16 * kMiB);
  await(*trio, "beta", "plug", "plugged", 16 * kMiB);
  trio.say("2 1 0 3", "beta");
  await_loan(*trio, 10 * kMiB);
  EXPECT_THAT(trio->events("alpha"), AllOf(Contains(StartsWith("loan-granted: beta: ")),
                                           Contains(StartsWith("loan-returned: beta: "))));
}

TEST(Sharing, KeepsApartWhatIsAskedForByHand) {
  const Lenders trio;
  trio.say("1 0 1 8", "alpha");
  await_loan(*trio, 16 * kMiB);
  trio->connect("alpha").call("balloon", {{"bytes", 100 * kMiB + kPageSize}});
  trio->connect("beta").call("plug", {{"bytes", 64 * kMiB}});
  // By hand it need not be whole blocks; with loans it is.
  await(*trio, "alpha", "balloon", "given", 118 * kMiB);
  await(*trio, "beta", "plug", "plugged", 80 * kMiB);
  EXPECT_EQ(trio->status("alpha").lent, 16 * kMiB);
  EXPECT_THAT(trio->events("alpha"), Not(Contains(StartsWith("loan-uncovered"))));
  EXPECT_THAT(
      [&] {
        trio->connect("beta").call("plug", {{"bytes", 128 * kMiB}});
      },
      testing::ThrowsMessage<Error>(HasSubstr("others lend the cell 16MiB")));
  trio->connect("alpha").call("balloon", {{"bytes", 0}});
  trio->await("alpha", [&](const auto& now) { return now.lent == 16 * kMiB; });
}

TEST(Sharing, LeavesAGuestWhatABalloonLeaves) {
  // Of 96 MiB a balloon takes 32 at most, whatever the reserve is.
  const Lenders trio(96 * kMiB, 2 * kMiB);
  trio.say("1 0 1 24", "alpha", "reserve");
  trio.say("1 0 1 16", "alpha");
  await_loan(*trio, 32 * kMiB);
  await(*trio, "alpha", "balloon", "given", 32 * kMiB);
}

TEST(Sharing, EndsWithTheBorrowersGuest) {
  const Lenders trio;
  trio.say("1 0 1 8", "alpha");
  await_loan(*trio, 16 * kMiB);
  trio->connect("beta").call("reboot", {{"force", true}});
  await_loan(*trio, 0);
  await(*trio, "alpha", "balloon", "given", 0);
}

TEST(Sharing, TakesNoWeightBelowTheUsualOneNorAboveFourTimesThat) {
  const Lenders trio;
  trio.say("3 0 255 100", "alpha");
  trio.say("3 0 255 99", "alpha", "range");
  trio.say("3 0 255 401", "alpha", "range");
}

}  // namespace
}  // namespace hive::control
