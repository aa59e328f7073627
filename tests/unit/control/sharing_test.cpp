// Loans between cells, by the monitors of a machine whose Wax is scripted.
#include "cellmon/control/sharing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/control/trio.h"
#include "vmm/base/units.h"

namespace hive::control {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// Cells alpha and beta, of MEMORY each, and gamma, which runs what says HINTS.
Trio lenders(const std::string& hints, std::uint64_t memory = 256 * kMiB,
             std::uint64_t reserve = 64 * kMiB) {
  return Trio({"report started", "report started", "report started; sleep 1500; " + hints},
              plan::OnFailure::kLeave, 0, [=](plan::Machine& machine) {
                for (plan::Cell& cell : machine.cells) {
                  cell.memory = memory;
                  cell.reserve = reserve;
                  cell.spare = 128 * kMiB;
                }
                machine.cells[2].policy = "none";
              });
}

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
  const Trio trio = lenders("hint 1 0 1 8; sleep 3000; hint 2 1 0 3");
  trio.await_running();
  await_loan(trio, 16 * kMiB);
  await(trio, "alpha", "balloon", "given", 16 * kMiB);
  await(trio, "beta", "plug", "plugged", 16 * kMiB);
  await_loan(trio, 10 * kMiB);
  EXPECT_THAT(trio.events("alpha"), AllOf(Contains(StartsWith("loan-granted: beta: ")),
                                          Contains(StartsWith("loan-returned: beta: "))));
}

TEST(Sharing, KeepsApartWhatIsAskedForByHand) {
  const Trio trio = lenders("hint 1 0 1 8");
  trio.await_running();
  await_loan(trio, 16 * kMiB);
  trio.connect("alpha").call("balloon", {{"bytes", 100 * kMiB + kPageSize}});
  trio.connect("beta").call("plug", {{"bytes", 64 * kMiB}});
  // By hand it need not be whole blocks; with loans it is.
  await(trio, "alpha", "balloon", "given", 118 * kMiB);
  await(trio, "beta", "plug", "plugged", 80 * kMiB);
  EXPECT_EQ(trio.status("alpha").lent, 16 * kMiB);
  EXPECT_THAT(trio.events("alpha"), Not(Contains(StartsWith("loan-uncovered"))));
  EXPECT_THAT(
      [&] {
        trio.connect("beta").call("plug", {{"bytes", 128 * kMiB}});
      },
      testing::ThrowsMessage<Error>(HasSubstr("others lend the cell 16MiB")));
  trio.connect("alpha").call("balloon", {{"bytes", 0}});
  trio.await("alpha", [&](const auto& now) { return now.lent == 16 * kMiB; });
}

TEST(Sharing, LeavesAGuestWhatABalloonLeaves) {
  // Of 96 MiB a balloon takes 32 at most, whatever the reserve is.
  const Trio trio = lenders("hint 1 0 1 24; hint 1 0 1 16", 96 * kMiB, 2 * kMiB);
  trio.await_running();
  await_loan(trio, 32 * kMiB);
  await(trio, "alpha", "balloon", "given", 32 * kMiB);
}

TEST(Sharing, EndsWithTheBorrowersGuest) {
  const Trio trio = lenders("hint 1 0 1 8");
  trio.await_running();
  await_loan(trio, 16 * kMiB);
  trio.connect("beta").call("reboot", {{"force", true}});
  await_loan(trio, 0);
  await(trio, "alpha", "balloon", "given", 0);
}

}  // namespace
}  // namespace hive::control
