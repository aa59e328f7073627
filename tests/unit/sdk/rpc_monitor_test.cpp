// Cells by name and number, and what is asked and told of the monitor.
#include <gmock/gmock.h>

#include <fstream>

#include "guests/sdk/rpc/directory.h"
#include "guests/sdk/rpc/monitor_client.h"
#include "tests/unit/sdk/rpc_fixture.h"

namespace {

using namespace hive::testing;
using namespace hive::rpc;

/// The monitor's service on a Unix socket: cells alpha (CID 3), which asks, and beta (CID 9).
class Service {
 public:
  explicit Service(const Address& address)
      : socket_(std::move(listen_on(address)).value()), thread_([this] { serve(); }) {}
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service() {
    stopping_ = true;
    thread_.join();
  }

  std::vector<hive_monitor_request> hints() {
    const std::lock_guard lock(mutex_);
    return hints_;
  }
  std::atomic<int> connections{0};
  std::atomic<bool> silent{false};
  std::atomic<bool> hang_up{false};

 private:
  void serve() {
    while (!stopping_) {
      const hive::UniqueFd socket(::accept(socket_.get(), nullptr, nullptr));
      if (!socket) {
        std::this_thread::sleep_for(1ms);
        continue;
      }
      ++connections;
      hive_monitor_request request{};
      while (!stopping_ && !hang_up.exchange(false) && receive(socket.get(), request)) {
        const hive_monitor_reply reply = answer(request);
        if (!silent) write_all(socket.get(), &reply, sizeof reply, soon());
      }
    }
  }
  bool receive(int socket, hive_monitor_request& request) const {
    // Waits in short pieces, so that it can stop; a request comes in one.
    char first = 0;
    while (!stopping_ && ::recv(socket, &first, 1, MSG_PEEK | MSG_DONTWAIT) < 0) {
      std::this_thread::sleep_for(1ms);
    }
    return !stopping_ && read_all(socket, &request, sizeof request, soon());
  }
  hive_monitor_reply answer(const hive_monitor_request& request) {
    hive_monitor_reply reply{};
    reply.magic = HIVE_MONITOR_MAGIC;
    if (request.operation == HIVE_MONITOR_HINT) {
      const std::lock_guard lock(mutex_);
      hints_.push_back(request);
      return reply;
    }
    const std::uint32_t cell = request.cid == 3   ? 0
                               : request.cid == 9 ? 1
                               : request.cid != 0 ? 99
                                                  : request.cell;
    if (cell > 1) {
      reply.status = HIVE_MONITOR_NO_SUCH_CELL;
      return reply;
    }
    reply.cell = cell;
    reply.cid = cell == 0 ? 3 : 9;
    reply.cells = 2;
    reply.alive = 1;
    reply.incarnation = 5 + cell;
    reply.own = 0;
    std::strcpy(reply.name, cell == 0 ? "alpha" : "beta");
    return reply;
  }

  hive::UniqueFd socket_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::vector<hive_monitor_request> hints_;
  std::thread thread_;
};

class RpcMonitor : public ::testing::Test {
 protected:
  SocketPath path_;
};

TEST(RpcDirectory, NamesHaveCids) {
  constexpr const char* kFile = "3 alpha\n9 beta\nnonsense\n2 host\nx beta2\n12 with space\n4 last";
  EXPECT_EQ(find_cid(kFile, "alpha"), 3U);
  EXPECT_EQ(find_cid(kFile, "beta"), 9U);
  EXPECT_EQ(find_cid(kFile, "last"), 4U);
  for (const char* none : {"", "host", "beta2", "gamma", "alph", "nonsense"}) {
    EXPECT_EQ(find_cid(kFile, none), 0U) << none;
  }
}

TEST_F(RpcMonitor, KnowsCellsByNumberAndCid) {
  const Service service(path_.address());
  MonitorClient monitor(path_.address(), kPatience);
  const auto beta = monitor.cell(1, soon());
  ASSERT_TRUE(beta);
  EXPECT_EQ(beta->name, "beta");
  EXPECT_EQ(beta->cid, 9U);
  EXPECT_TRUE(beta->is_alive);
  EXPECT_EQ(beta->incarnation, 6U);
  EXPECT_EQ(monitor.cell_of_cid(3, soon())->name, "alpha");
  EXPECT_FALSE(monitor.cell(2, soon()));
  EXPECT_FALSE(monitor.cell_of_cid(77, soon()));
  const Identity own = own_identity(monitor, soon());
  EXPECT_EQ(own.cell, 0U);
  EXPECT_EQ(own.incarnation, 5U);
}

TEST_F(RpcMonitor, CellsAreFoundByFileThenByMonitor) {
  const Service service(path_.address());
  MonitorClient monitor(path_.address(), kPatience);
  const std::string file = path_.address().path + ".cells";
  std::ofstream(file) << "3 alpha\n44 beta\n";
  EXPECT_EQ(resolve_cell("beta", monitor, soon(), file).value(), 44U);
  EXPECT_EQ(resolve_cell("beta", monitor, soon(), "/none").value(), 9U);
  EXPECT_EQ(resolve_cell("1", monitor, soon(), file).value(), 9U);
  EXPECT_EQ(resolve_cell("gamma", monitor, soon(), file).status(), HIVE_NOT_FOUND);
  EXPECT_EQ(resolve_cell("7", monitor, soon(), file).status(), HIVE_NOT_FOUND);
}

TEST_F(RpcMonitor, IsDoneWithoutWhereThereIsNone) {
  MonitorClient monitor(path_.address(), kPatience);
  const auto start = Clock::now();
  EXPECT_FALSE(monitor.cell(0, soon()));
  for (int i = 0; i < 1000; ++i) monitor.hint({9, 0, 1}, HIVE_HINT_DEADLINE, 1);
  EXPECT_EQ(own_identity(monitor, soon()).cell, HIVE_RPC_NO_CELL);
  EXPECT_LT(Clock::now() - start, kPatience);
}

TEST_F(RpcMonitor, WhoHadNoTimeToConnectSaysNothingOfTheService) {
  MonitorClient monitor(path_.address(), kPatience);
  EXPECT_FALSE(monitor.cell(1, Clock::now() + 20ms));
  const Service service(path_.address());
  EXPECT_TRUE(monitor.cell(1, soon()));
}

TEST_F(RpcMonitor, DoesNotWaitForOneThatIsSilent) {
  Service service(path_.address());
  service.silent = true;
  MonitorClient monitor(path_.address());
  const auto start = Clock::now();
  EXPECT_FALSE(monitor.cell(0, start + 50ms));
  EXPECT_LT(Clock::now() - start, kPatience);
  const auto hinted = Clock::now();
  for (int i = 0; i < 1000; ++i) monitor.hint({0, 1, 1}, HIVE_HINT_DEADLINE, 1);
  EXPECT_LT(Clock::now() - hinted, kPatience);
}

TEST_F(RpcMonitor, HintsAreOfTheCellThatHasTheCid) {
  Service service(path_.address());
  MonitorClient monitor(path_.address(), kPatience);
  monitor.hint({9, 0, 6}, HIVE_HINT_DEADLINE, 1500);
  monitor.hint({0, 1, 0}, HIVE_HINT_BAD_REPLY, HIVE_RPC_FAULT_CHECKSUM);
  monitor.hint({77, 1, 0}, HIVE_HINT_BAD_REPLY, 0);  // Nobody has that.
  EXPECT_TRUE(eventually([&] { return service.hints().size() == 2; }));
  const auto hints = service.hints();
  EXPECT_EQ(hints[0].cell, 1U);
  EXPECT_EQ(hints[0].hint, static_cast<std::uint32_t>(HIVE_HINT_DEADLINE));
  EXPECT_EQ(hints[0].incarnation, 6U);
  EXPECT_EQ(hints[0].detail, 1500U);
  EXPECT_EQ(hints[1].hint, static_cast<std::uint32_t>(HIVE_HINT_BAD_REPLY));
  EXPECT_EQ(service.connections, 1);
}

TEST_F(RpcMonitor, HintsThatWaitAreSentBeforeItEnds) {
  Service service(path_.address());
  {
    MonitorClient monitor(path_.address(), kPatience);
    for (int i = 0; i < 10; ++i) monitor.hint({0, 1, 0}, HIVE_HINT_DEADLINE, 1);
  }
  EXPECT_EQ(service.hints().size(), 10U);
}

TEST_F(RpcMonitor, ADeadConnectionIsReplaced) {
  Service service(path_.address());
  MonitorClient monitor(path_.address(), kPatience);
  monitor.hint({0, 1, 0}, HIVE_HINT_DEADLINE, 1);
  EXPECT_TRUE(eventually([&] { return service.hints().size() == 1; }));
  service.hang_up = true;
  monitor.hint({0, 1, 0}, HIVE_HINT_DEADLINE, 2);
  monitor.hint({0, 1, 0}, HIVE_HINT_DEADLINE, 3);
  monitor.hint({0, 1, 0}, HIVE_HINT_DEADLINE, 4);
  EXPECT_TRUE(eventually([&] { return service.hints().size() >= 3; }));
  EXPECT_GE(service.connections, 2);
}

}  // namespace
