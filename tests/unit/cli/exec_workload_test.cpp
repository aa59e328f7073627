// Commands in guests, with monitors made of values: what they may take, and who is blamed.
#include "cellmon/cli/campaign/exec_workload.h"

#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <map>
#include <string>
#include <thread>

#include "cellmon/wire/base64.h"
#include "tests/unit/cli/temporary_folder.h"

namespace hive::cli {
namespace {

using campaign::Work;
using std::chrono::steady_clock;

constexpr Milliseconds kLimit{60'000};  ///< That no test reaches.
constexpr Milliseconds kNoTime{30};

const campaign::ExecWork kWork{{}, "get ready", {"make", {}}, {"verify", {}}};

/// Monitors whose guests start every command, and end all but those that are said to hang.
class Guests : public Monitors {
 public:
  /// Who hears of the commands.
  MonitorListener* listener = nullptr;
  /// A command line with these words does not end before release().
  std::string hanging;
  std::string output = "right\n";
  std::map<std::string, int> started;  ///< How often, by command line.

  [[nodiscard]] bool has_monitor(std::size_t /*cell*/) const override { return true; }

  std::optional<std::uint64_t> send(std::size_t cell, std::string_view method,
                                    const Json& params) override {
    EXPECT_EQ(method, "exec");
    const std::string shell = params.at("argv").at(2);
    const std::string line = shell.substr(shell.find('\n') + 1);
    ++started[line];
    const std::uint64_t id = ++last_;
    messages_.push_back({cell, wire::RpcResult{id, {{"session", id}}}});
    auto& ends = !hanging.empty() && line.find(hanging) != std::string::npos ? held_ : messages_;
    ends.push_back({cell, notification("exec.output", {{"session", id},
                                                       {"stream", "stdout"},
                                                       {"data", wire::encode_base64(output)}})});
    ends.push_back({cell, notification("exec.exit", {{"session", id}, {"status", 0}})});
    return id;
  }

  Json call(std::size_t /*cell*/, std::string_view method, const Json& /*params*/) override {
    ADD_FAILURE() << method;
    return {};
  }

  void pump(Milliseconds time) override {
    for (; !messages_.empty(); messages_.pop_front()) {
      listener->take(messages_.front().cell, messages_.front().message);
    }
    std::this_thread::sleep_for(std::min(time, Milliseconds(5)));
  }

  /// What hung goes on and ends.
  void release() {
    messages_.insert(messages_.end(), held_.begin(), held_.end());
    held_.clear();
    hanging.clear();
  }

 private:
  struct Sent {
    std::size_t cell;
    Message message;
  };

  static Message notification(const std::string& method, const Json& params) {
    return wire::RpcNotification{method, params};
  }

  std::uint64_t last_ = 0;
  std::deque<Sent> messages_;
  std::deque<Sent> held_;
};

plan::Machine two_cells() {
  plan::Machine machine;
  machine.cells.resize(2);
  machine.cells[0].name = "alpha";
  machine.cells[1].name = "beta";
  return machine;
}

struct ExecWorkloads : ::testing::Test {
  ExecWorkload make(const campaign::ExecWork& work, Milliseconds limit) const {
    return {work, two_cells(), ReferenceCopies(folder.path().string()), limit};
  }

  /// What preparing the guests ends with; empty where it does well.
  std::string problem_of(ExecWorkload& workload) {
    guests.listener = &workload;
    try {
      workload.prepare(guests);
    } catch (const Error& error) {
      return error.what();
    }
    return {};
  }

  TemporaryFolder folder;
  Guests guests;
};

TEST_F(ExecWorkloads, MakeEachGuestAndItsReferencesReady) {
  ExecWorkload workload = make(kWork, kLimit);
  EXPECT_EQ(problem_of(workload), "");
  const std::map<std::string, int> once_in_each{{"get ready", 2}, {"make", 2}, {"verify", 2}};
  EXPECT_EQ(guests.started, once_in_each);
  EXPECT_EQ(problem_of(workload), "") << "nothing is to be done in guests that are ready";
  EXPECT_EQ(guests.started, once_in_each);
}

TEST_F(ExecWorkloads, HoldEachCommandBeforeTheFaultToTheLimit) {
  // Each has its first command hang, so that no other one meets the limit on a busy host.
  const std::map<std::string, campaign::ExecWork> works{
      {"get ready", kWork},
      {"make", {{}, "", {"make", {}}, {"verify", {}}}},
      {"verify", {{}, "", {}, {"verify", {}}}}};
  for (const auto& [line, work] : works) {
    ExecWorkload workload = make(work, kNoTime);
    guests = Guests();
    guests.hanging = line;
    const auto start = steady_clock::now();
    EXPECT_EQ(problem_of(workload), "cell alpha: \"" + line +
                                        "\" has not ended before the fault within 30 ms, the "
                                        "`limit` of the campaign");
    EXPECT_GE(steady_clock::now() - start, kNoTime) << "it had not all of its time";
    const std::map<std::string, int> only{{line, 1}};
    EXPECT_EQ(guests.started, only) << "nothing else is begun, and no other guest asked";
  }
}

TEST_F(ExecWorkloads, NameTheCommandOfTheRunBeforeThatHasNotEnded) {
  ExecWorkload workload = make(kWork, kLimit);
  ASSERT_EQ(problem_of(workload), "");
  guests.hanging = "create processes";
  campaign::Draw drawn;
  drawn.cell = "beta";
  drawn.meanwhile = "create processes";
  workload.begin(guests, drawn);
  workload.ask(guests, {true, true});
  const auto deadline = steady_clock::now() + kLimit;
  while (!workload.has_answers(guests) && steady_clock::now() < deadline) guests.pump(kNoTime);
  for (const campaign::CellLook& look : workload.looks()) {
    EXPECT_EQ(look.work, Work::kRight) << look.cell << ": " << look.why;
  }
  EXPECT_EQ(problem_of(workload), "cell beta: \"create processes\" has not ended");
  guests.release();
  guests.pump(Milliseconds(0));
  EXPECT_EQ(problem_of(workload), "");
}

TEST_F(ExecWorkloads, DoNotTakeSurvivorsForRightWhoseWorkHasNotEnded) {
  ExecWorkload workload = make(kWork, kLimit);
  ASSERT_EQ(problem_of(workload), "");
  guests.hanging = "make";
  campaign::Draw drawn;
  drawn.cell = "beta";
  workload.begin(guests, drawn);
  workload.ask(guests, {true, true});
  guests.pump(Milliseconds(0));
  EXPECT_FALSE(workload.has_answers(guests));
  EXPECT_EQ(workload.looks()[0].why, "its work has not ended");
  EXPECT_EQ(problem_of(workload), "cell alpha: \"make\" has not ended");
}

}  // namespace
}  // namespace hive::cli
