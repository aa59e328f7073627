// The host's side of vsock: sockets that guests call, sockets that call guests, the monitor's own
// service, and the VMM's counters.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "cellmon/wire/path_socket.h"
#include "tests/unit/control/test_cell.h"
#include "tests/unit/control/vsock_monitors.h"
#include "vmm/base/error.h"

namespace hive::control {
namespace {

using cell::VsockMessage;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

bool carries(int from, int to) {
  char byte = 0;
  pollfd entry{to, POLLIN, 0};
  return ::send(from, "x", 1, MSG_NOSIGNAL) == 1 && ::poll(&entry, 1, 60'000) == 1 &&
         ::recv(to, &byte, 1, 0) == 1 && byte == 'x';
}

class VsockHost : public VsockMonitors {
 protected:
  [[nodiscard]] std::string path(const std::string& name) const {
    return folder_.path() + "/" + name;
  }
  void give(unsigned port, const std::string& name, plan::VsockPort::Caller caller) {
    machine_.cells[0].vsock.push_back({port, caller, path(name)});
  }
  /// Starts the only cell of a machine, and its VMM.
  VsockMonitor& start_alone() {
    machine_.cells.resize(1);
    VsockMonitor& alpha = start(0);
    alpha.start_vmm(1);
    return alpha;
  }
  /// What the VMM gets when its guest calls PORT.
  Heard call(VsockMonitor& monitor, unsigned port, std::uint32_t request = 1) {
    say(monitor, cell::VsockHostOpen{VsockMessage::kHostOpen, request, port});
    return hear(monitor);
  }
  static int error_of(const Heard& heard, std::uint32_t request = 1) {
    const auto reply = heard.as<cell::VsockHostReply>(VsockMessage::kHostReply);
    EXPECT_EQ(reply.request, request);
    EXPECT_EQ(heard.files.size(), reply.error == 0 ? 1U : 0U);
    return reply.error;
  }
  /// The stream that the guest has when it calls its monitor.
  UniqueFd call_monitor(VsockMonitor& monitor) {
    Heard heard = call(monitor, HIVE_MONITOR_PORT);
    EXPECT_EQ(error_of(heard), 0);
    return heard.files.empty() ? UniqueFd() : std::move(heard.files[0]);
  }

  TestFolder folder_;
};

TEST_F(VsockHost, ConnectsAGuestToTheSocketOfItsPort) {
  give(5000, "app.sock", plan::VsockPort::Caller::kGuest);
  const wire::PathListener app(path("app.sock"), 4);
  VsockMonitor& alpha = start_alone();
  const Heard heard = call(alpha, 5000, 77);
  ASSERT_EQ(error_of(heard, 77), 0);
  const UniqueFd served(::accept(app.fd(), nullptr, nullptr));
  ASSERT_TRUE(served);
  EXPECT_TRUE(carries(heard.files[0].get(), served.get()));
  EXPECT_TRUE(carries(served.get(), heard.files[0].get()));
}

TEST_F(VsockHost, RefusesWhatCannotBeReached) {
  give(5000, "missing.sock", plan::VsockPort::Caller::kGuest);
  give(5001, "file", plan::VsockPort::Caller::kGuest);
  give(22, "ssh.sock", plan::VsockPort::Caller::kHost);
  std::ofstream(path("file")) << "x";
  VsockMonitor& alpha = start_alone();
  EXPECT_EQ(error_of(call(alpha, 5000)), ENOENT);
  EXPECT_EQ(error_of(call(alpha, 5001)), ECONNREFUSED);
  EXPECT_EQ(error_of(call(alpha, 5002)), ECONNREFUSED) << "the plan has no such port";
  EXPECT_EQ(error_of(call(alpha, 22)), ECONNREFUSED) << "a port of the guest's";
  EXPECT_EQ(alpha.vsock.failed_calls(), 4U);
}

TEST_F(VsockHost, WaitsForAListenerThatIsBusy) {
  give(5000, "app.sock", plan::VsockPort::Caller::kGuest);
  const wire::PathListener app(path("app.sock"), 0);
  VsockMonitor& alpha = start_alone();
  EXPECT_EQ(error_of(call(alpha, 5000)), 0);
  // This process may be kept waiting itself, until the call has waited for long enough.
  std::uint32_t last = 1;
  bool waits = false;
  while (!waits && last < 10) {
    say(alpha, cell::VsockHostOpen{VsockMessage::kHostOpen, ++last, 5000});
    run_for(50);
    waits = !try_hear(alpha);
  }
  EXPECT_TRUE(waits);
  const UniqueFd first(::accept(app.fd(), nullptr, nullptr));
  EXPECT_EQ(error_of(hear(alpha), last), 0);
  // More than may wait.
  for (std::size_t more = 0; more <= HostPorts::kMaxWaiting; ++more) {
    say(alpha, cell::VsockHostOpen{VsockMessage::kHostOpen, ++last, 5000});
  }
  EXPECT_EQ(error_of(hear(alpha), last), EAGAIN);
  alpha.end_vmm();
  run_for(50);
}

TEST_F(VsockHost, CallsAGuestForWhoConnectsToItsSocket) {
  give(22, "ssh.sock", plan::VsockPort::Caller::kHost);
  VsockMonitor& alpha = start_alone();
  struct stat info {};
  ASSERT_EQ(::lstat(path("ssh.sock").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  UniqueFd caller;
  ASSERT_EQ(wire::connect_path(path("ssh.sock"), caller), 0);
  const Heard heard = hear(alpha);
  EXPECT_EQ(heard.as<cell::VsockHostCall>(VsockMessage::kHostCall).port, 22U);
  ASSERT_THAT(heard.files, SizeIs(1));
  EXPECT_TRUE(carries(caller.get(), heard.files[0].get()));

  alpha.end_vmm();
  ASSERT_EQ(wire::connect_path(path("ssh.sock"), caller), 0);
  run_until([&] {
    char byte = 0;
    return ::recv(caller.get(), &byte, 1, MSG_DONTWAIT) == 0;
  });
  monitors_.clear();
  EXPECT_FALSE(std::filesystem::exists(path("ssh.sock")));
}

TEST_F(VsockHost, NeedsAPlaceForItsSocket) {
  give(22, "taken", plan::VsockPort::Caller::kHost);
  std::ofstream(path("taken")) << "x";
  machine_.cells.resize(1);
  EXPECT_THROW(start(0), Error);
  EXPECT_TRUE(std::filesystem::is_regular_file(path("taken")));
}

hive_monitor_request request_of(hive_monitor_operation operation, std::uint32_t cell) {
  hive_monitor_request request{};
  request.magic = HIVE_MONITOR_MAGIC;
  request.operation = operation;
  request.cell = cell;
  request.hint = HIVE_HINT_DEADLINE;
  request.detail = 1500;
  return request;
}

TEST_F(VsockHost, AnswersProgramsInTheGuest) {
  start();
  VsockMonitor& alpha = *monitors_[0];
  alpha.start_vmm(3);
  monitors_[1]->start_vmm(2);
  (void)hear(alpha);
  const UniqueFd stream = call_monitor(alpha);
  const auto ask = [&](const hive_monitor_request& request) {
    // In two pieces, as a stream may bring it.
    EXPECT_EQ(::send(stream.get(), &request, 10, MSG_NOSIGNAL), 10);
    run_for(5);
    EXPECT_EQ(::send(stream.get(), reinterpret_cast<const char*>(&request) + 10, 22, MSG_NOSIGNAL),
              22);
    hive_monitor_reply reply{};
    bool is_read = false;
    run_until([&] {
      is_read = is_read || ::recv(stream.get(), &reply, sizeof reply, MSG_DONTWAIT) == sizeof reply;
      return is_read;
    });
    return reply;
  };
  hive_monitor_reply reply = ask(request_of(HIVE_MONITOR_CELL, 1));
  EXPECT_EQ(reply.status, HIVE_MONITOR_OK);
  EXPECT_STREQ(reply.name, "beta");
  EXPECT_EQ(reply.cid, 4U);
  EXPECT_EQ(reply.cells, 3U);
  EXPECT_EQ(reply.alive, 1U);
  EXPECT_EQ(reply.incarnation, 2U);
  EXPECT_EQ(reply.own, 0U);
  reply = ask(request_of(HIVE_MONITOR_CELL, 0));
  EXPECT_EQ(reply.alive, 1U) << "it is the one that asks";
  EXPECT_EQ(reply.incarnation, 3U);
  EXPECT_EQ(ask(request_of(HIVE_MONITOR_CELL, 2)).alive, 0U);
  EXPECT_EQ(ask(request_of(HIVE_MONITOR_HINT, 1)).status, HIVE_MONITOR_OK);
  EXPECT_THAT(alpha.hints,
              ElementsAre("cell beta, incarnation 2, missed a call's deadline of 1500 us, says the "
                          "guest"));
  // It is too many only where it comes soon after the one before.
  unsigned hints = 2;
  auto status = ask(request_of(HIVE_MONITOR_HINT, 1)).status;
  for (; status == HIVE_MONITOR_OK && hints < 10; ++hints) {
    status = ask(request_of(HIVE_MONITOR_HINT, 1)).status;
  }
  EXPECT_EQ(status, HIVE_MONITOR_TOO_MANY);
  EXPECT_EQ(alpha.vsock.hints(), hints);
  EXPECT_EQ(ask({}).status, HIVE_MONITOR_MALFORMED);
  char byte = 0;
  EXPECT_EQ(::recv(stream.get(), &byte, 1, MSG_DONTWAIT), 0) << "the stream has ended";
}

TEST_F(VsockHost, BoundsTheStreamsOfAGuest) {
  VsockMonitor& alpha = start_alone();
  std::vector<UniqueFd> streams;
  for (std::size_t i = 0; i < ServiceClients::kMaxClients; ++i) {
    streams.push_back(call_monitor(alpha));
  }
  EXPECT_EQ(error_of(call(alpha, HIVE_MONITOR_PORT)), EUSERS);
  streams.pop_back();
  run_for(20);
  EXPECT_TRUE(call_monitor(alpha));
  alpha.end_vmm();
  char byte = 0;
  run_until([&] { return ::recv(streams[0].get(), &byte, 1, MSG_DONTWAIT) == 0; });
}

TEST_F(VsockHost, HoldsBackAClientThatDoesNotReadItsReplies) {
  VsockMonitor& alpha = start_alone();
  const UniqueFd stream = call_monitor(alpha);
  const hive_monitor_request request = request_of(HIVE_MONITOR_CELL, 0);
  std::size_t sent = 0;
  for (int rounds = 0; rounds < 100; ++rounds) {
    while (::send(stream.get(), &request, sizeof request, MSG_NOSIGNAL | MSG_DONTWAIT) ==
           sizeof request) {
      ++sent;
    }
    run_for(5);
  }
  EXPECT_LT(sent, 100'000U);
  std::size_t answered = 0;
  hive_monitor_reply reply{};
  run_until([&] {
    while (::recv(stream.get(), &reply, sizeof reply, MSG_DONTWAIT) == sizeof reply) ++answered;
    return answered == sent;
  });
}

TEST_F(VsockHost, CountsWhatIsNoPacket) {
  VsockMonitor& alpha = start_alone();
  say(alpha, std::uint32_t{99});
  say(alpha, char{0});
  say(alpha, std::array<char, 100>{});
  say(alpha, std::array<char, 4096>{});
  say(alpha, cell::VsockPeerState{VsockMessage::kPeerUp, 0, 1});
  run_until([&] { return alpha.vsock.malformed() == 5; });
  EXPECT_NE(error_of(call(alpha, 9)), 0) << "it is served all the same";
}

TEST_F(VsockHost, AsksTheVmmForItsCounters) {
  start();
  VsockMonitor& alpha = *monitors_[0];
  alpha.start_vmm(1);
  const auto ask = [&] {
    const std::uint32_t question = alpha.vsock.ask_counters();
    EXPECT_EQ(alpha.vsock.ask_counters(), question) << "one at a time";
    EXPECT_FALSE(alpha.vsock.counters(question));
    const auto asked = hear(alpha).as<cell::VsockAskCounters>(VsockMessage::kAskCounters);
    const bool is_late = alpha.vsock.counters(question).has_value();
    cell::VsockCount count{VsockMessage::kCounters, asked.tag + 1, 1};
    say(alpha, count);
    count.tag = asked.tag;
    count.cell = 9;
    say(alpha, count);
    for (const unsigned cell : {1U, 2U}) {
      count.cell = cell;
      count.counters.packets_in = 100 + cell;
      say(alpha, count);
    }
    EXPECT_TRUE(is_late || !alpha.vsock.counters(question));
    cell::VsockGuestCount guest{cell::VsockMessage::kGuestCounters, asked.tag + 1, {}};
    say(alpha, guest);
    guest.tag = asked.tag;
    guest.counters.malformed = 7;
    say(alpha, guest);
    run_until([&] { return alpha.vsock.counters(question).has_value(); });
    return alpha.vsock.counters(question).value_or(CounterDesk::Answer());
  };
  CounterDesk::Answer answer = ask();
  unsigned questions = 1;
  // Late where this process was kept waiting itself.
  for (; !answer.in_time && questions < 10; ++questions) answer = ask();
  EXPECT_TRUE(answer.in_time);
  EXPECT_THAT(answer.counts, SizeIs(2));
  EXPECT_EQ(answer.counts[2].packets_in, 102U);
  EXPECT_EQ(answer.guest.value_or(cell::VsockGuestCounters()).malformed, 7U);
  EXPECT_EQ(alpha.counters_told, questions);
}

TEST_F(VsockHost, DoesNotWaitForCountersForLong) {
  start();
  VsockMonitor& alpha = *monitors_[0];
  alpha.start_vmm(1);
  std::uint32_t question = alpha.vsock.ask_counters();
  cell::VsockCount count{VsockMessage::kCounters, question, 2};
  count.counters.stale = 5;
  say(alpha, count);
  run_until([&] { return alpha.vsock.counters(question).has_value(); });
  EXPECT_FALSE(alpha.vsock.counters(question)->in_time);
  EXPECT_EQ(alpha.vsock.counters(question)->counts.at(2).stale, 5U);
  question = alpha.vsock.ask_counters();
  alpha.end_vmm();
  ASSERT_TRUE(alpha.vsock.counters(question)) << "nobody is left to answer";
  EXPECT_FALSE(alpha.vsock.counters(question)->in_time);
  EXPECT_TRUE(alpha.vsock.counters(alpha.vsock.ask_counters())) << "there is nobody to ask";
}

TEST_F(VsockHost, TellsTheVmmOfFaults) {
  start();
  VsockMonitor& alpha = *monitors_[0];
  EXPECT_FALSE(alpha.vsock.set_faults(CellId{1}, {})) << "no VMM";
  alpha.start_vmm(1);
  cell::PathFaults faults;
  faults.drop = 1000;
  faults.seed = 7;
  EXPECT_TRUE(alpha.vsock.set_faults(CellId{2}, faults));
  const auto told = hear(alpha).as<cell::VsockFaults>(VsockMessage::kFaults);
  EXPECT_EQ(told.cell, 2U);
  EXPECT_EQ(told.faults.drop, 1000U);
  EXPECT_EQ(told.faults.seed, 7U);
}

TEST_F(VsockHost, ListsTheCellsForTheAgent) {
  VsockMonitor& beta = start(1);
  EXPECT_EQ(beta.vsock.list_cells(), "3 alpha\n4 beta\n5 gamma\n");
}

}  // namespace
}  // namespace hive::control
