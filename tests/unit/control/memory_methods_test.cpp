// The methods about global memory, over a monitor whose cell contributes memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/null_sink.h>

#include <boost/asio/post.hpp>
#include <functional>
#include <future>

#include "cellmon/control/cell_monitor.h"
#include "cellmon/control/control_server.h"
#include "cellmon/wire/local_socket.h"
#include "guests/abi/system_area.h"
#include "tests/unit/control/test_cell.h"

namespace hive::control {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

/// Beta's membership, as far as alpha's needs it to be taken for a monitor.
class PageTaker : public SiblingsPart {
 public:
  bool on_joined(CellId /*cell*/, const mesh::Hello& /*hello*/,
                 std::vector<UniqueFd>& files) override {
    files.clear();
    return true;
  }
  void on_packet(CellId /*cell*/, const mesh::Packet& /*packet*/,
                 std::vector<UniqueFd>& /*files*/) override {}
  void on_lost(CellId /*cell*/) override {}
};

/// Cell alpha of a machine of alpha, beta and gamma that contribute SIZES; no VMM starts.
class SharingCell {
 public:
  explicit SharingCell(const std::vector<std::uint64_t>& sizes) : log_("", sink()) {
    static int count = 0;
    settings_.machine.name = "share-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
    for (const char* name : {"alpha", "beta", "gamma"}) {
      plan::Cell cell;
      cell.id = CellId{static_cast<std::uint8_t>(settings_.machine.cells.size())};
      cell.name = name;
      cell.shared = sizes[settings_.machine.cells.size()];
      settings_.machine.cells.push_back(cell);
    }
    settings_.folder = folder_.path();
    settings_.launch = [](const cell::CellConfig&, bool) -> LaunchedVmm {
      throw Error("no VMM here");
    };
    monitor_ = std::make_unique<CellMonitor>(loop_, settings_, log_);
    server_ = std::make_unique<ControlServer>(loop_, wire::listen_abstract(socket_name(address())),
                                              *monitor_, log_, [](bool) { return Json::object(); });
    monitor_->start(*server_);
    thread_ = std::thread([this] { loop_.run(); });
  }
  SharingCell(const SharingCell&) = delete;
  SharingCell& operator=(const SharingCell&) = delete;
  ~SharingCell() {
    loop_.stop();
    thread_.join();
    drop_beta();
  }

  [[nodiscard]] wire::CellAddress address() const {
    return {::geteuid(), settings_.machine.name, "alpha"};
  }
  [[nodiscard]] TestClient connect() const { return TestClient::reach(address()); }

  /// Makes a section as alpha's guest would; its number.
  std::uint32_t create_section(const std::string& name, std::uint64_t pages, bool movable = false) {
    hive_global_request request{};
    request.operation = HIVE_GLOBAL_SECTION_CREATE;
    request.flags = movable ? HIVE_GLOBAL_MOVABLE : 0;
    request.pages = pages;
    name.copy(request.name, sizeof request.name - 1);
    hive_global_reply reply{};
    on_loop([&] { reply = monitor_->global()->decide(request); });
    return reply.section;
  }
  /// Keeps a place for a section that is to come.
  void reserve_section(const char* name, std::uint64_t pages) {
    on_loop([&] {
      const auto place =
          monitor_->global()->gatekeeper().reserve_section(name, pages, {true, std::nullopt});
      EXPECT_TRUE(place.ok());
    });
  }
  /// Starts beta's part, which finds alpha's.
  void start_beta() {
    on_loop([this] {
      beta_ = std::make_unique<Siblings>(loop_, settings_.machine, 1, log_);
      beta_memory_ = std::make_unique<GlobalMemory>(
          loop_, settings_.machine, *beta_, [](CellId, const std::string&) {}, log_);
      beta_->add(page_taker_);
      beta_->start(settings_.machine.cells[1].shared, beta_memory_->files());
    });
  }
  void end_beta() {
    on_loop([this] { drop_beta(); });
  }

 private:
  void drop_beta() {
    beta_memory_.reset();
    beta_.reset();
  }
  static spdlog::sink_ptr sink() { return std::make_shared<spdlog::sinks::null_sink_mt>(); }

  /// Runs CALL in the monitor's thread.
  void on_loop(const std::function<void()>& call) {
    const auto task = std::make_shared<std::packaged_task<void()>>(call);
    auto done = task->get_future();
    boost::asio::post(loop_, [task] { (*task)(); });
    done.get();
  }

  TestFolder folder_;
  spdlog::logger log_;
  boost::asio::io_context loop_;
  CellSettings settings_;
  std::unique_ptr<CellMonitor> monitor_;
  std::unique_ptr<ControlServer> server_;
  PageTaker page_taker_;
  std::unique_ptr<Siblings> beta_;
  std::unique_ptr<GlobalMemory> beta_memory_;
  std::thread thread_;
};

std::string refusal(TestClient& client, const char* method, const Json& params) {
  try {
    return "accepted: " + client.call(method, params).dump();
  } catch (const Error& error) {
    return error.what();
  }
}

/// Waits until the monitor tells that beta is in STATE.
void await_beta(TestClient& client, const std::string& state) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::string now;
  while (now != state && std::chrono::steady_clock::now() < deadline) {
    now = client.call("memory", Json::object())["peers"][0]["state"];
    ::usleep(2000);
  }
  EXPECT_EQ(now, state);
}

TEST(MemoryMethods, TellOfTheContributionItsSectionsAndThePeers) {
  SharingCell cell({1 << 20, 1 << 21, 0});
  TestClient client = cell.connect();
  const std::uint32_t id = cell.create_section("table", 16);
  const Json memory = client.call("memory", Json::object());
  EXPECT_EQ(memory, Json::parse(R"({"cell": "alpha", "size": 1048576, "pages": 256,
      "violations": 0, "more": false, "memory_failures": 0, "moved": [],
      "peers": [
        {"cell": "beta", "size": 2097152, "state": "awaited", "closed": false, "closings": 0,
         "writable": 0, "written": 0},
        {"cell": "gamma", "size": 0, "state": "awaited", "closed": false, "closings": 0,
         "writable": 0, "written": 0}],
      "sections": [{"id": )" + std::to_string(id) +
                                R"(, "name": "table", "first": 0, "pages": 16, "users": [],
                    "creator": "alpha", "movable": false, "moving": false, "coming": false},
                   {"id": 1, "name": "hive.system", "first": 240, "pages": 16, "users": [],
                    "creator": "alpha", "movable": false, "moving": false, "coming": false}]})"));
  EXPECT_THAT(client.call("memory", {{"first", 1}})["sections"], SizeIs(1));
}

TEST(MemoryMethods, TellWhatIsToCome) {
  SharingCell cell({1 << 20, 1 << 21, 0});
  TestClient client = cell.connect();
  cell.reserve_section("comes", 4);
  const Json comes = client.call("memory", Json::object())["sections"][0];
  EXPECT_EQ(comes["name"], "comes");
  EXPECT_EQ(comes["moving"], true);
  EXPECT_EQ(comes["coming"], true);
}

TEST(MemoryMethods, TellWhetherAPeerHasJoinedOrIsLost) {
  SharingCell cell({1 << 20, 1 << 20, 0});
  TestClient client = cell.connect();
  cell.start_beta();
  await_beta(client, "joined");
  client.call("firewall.grant", {{"cell", "beta"}, {"first", 0}});
  cell.end_beta();
  await_beta(client, "lost");
  EXPECT_THAT(client.call("firewall.list", Json::object())["rights"], SizeIs(0));
}

TEST(MemoryMethods, GrantListAndRevoke) {
  SharingCell cell({1 << 20, 0, 0});
  TestClient client = cell.connect();
  const Json pattern{{"cell", "beta"}, {"first", 2}, {"pages", 1}, {"stride", 2}, {"runs", 3}};
  EXPECT_EQ(client.call("firewall.grant", pattern), Json({{"changed", 3}}));
  EXPECT_EQ(client.call("firewall.grant", pattern), Json({{"changed", 0}}));
  EXPECT_EQ(client.call("firewall.grant", {{"cell", "gamma"}, {"first", 239}}),
            Json({{"changed", 1}}));
  EXPECT_EQ(client.call("firewall.list", Json::object()), Json::parse(R"({"next": 0, "rights": [
      {"cell": "beta", "first": 2, "pages": 1, "written": false},
      {"cell": "beta", "first": 4, "pages": 1, "written": false},
      {"cell": "beta", "first": 6, "pages": 1, "written": false},
      {"cell": "gamma", "first": 239, "pages": 1, "written": false}]})"));
  EXPECT_THAT(client.call("firewall.list", {{"cell", "gamma"}})["rights"], SizeIs(1));
  EXPECT_THAT(client.call("firewall.list", {{"written", true}})["rights"], SizeIs(0));
  EXPECT_EQ(client.call("memory", Json::object())["peers"][0]["writable"], 3);
  EXPECT_EQ(client.call("firewall.revoke", {{"cell", "beta"}, {"first", 0}, {"pages", 5}}),
            Json({{"changed", 2}}));
  EXPECT_EQ(client.call("firewall.list", {{"cell", "beta"}})["rights"][0]["first"], 6);
}

TEST(MemoryMethods, CountFromTheSectionsStart) {
  SharingCell cell({1 << 20, 0, 0});
  TestClient client = cell.connect();
  cell.create_section("first", 16);
  cell.create_section("second", 16);
  const Json pages{{"cell", "beta"}, {"section", "second"}, {"first", 3}, {"pages", 2}};
  EXPECT_EQ(client.call("firewall.grant", pages)["changed"], 2);
  EXPECT_EQ(client.call("firewall.list", Json::object())["rights"][0]["first"], 19);
  EXPECT_EQ(client.call("firewall.list", {{"section", "second"}})["rights"][0]["first"], 3);
  EXPECT_THAT(client.call("firewall.list", {{"section", "first"}})["rights"], SizeIs(0));
  Json beyond = pages;
  beyond["first"] = 15;
  EXPECT_THAT(refusal(client, "firewall.grant", beyond), HasSubstr("past the 16 pages"));
}

TEST(MemoryMethods, SayWhyASectionDoesNotMove) {
  SharingCell cell({1 << 20, 1 << 20, 0});
  TestClient client = cell.connect();
  cell.create_section("fixed", 16);
  cell.create_section("loose", 16, /*movable=*/true);
  const auto move = [&](const char* section, const char* to) {
    return refusal(client, "section.move", {{"section", section}, {"to", to}});
  };
  EXPECT_THAT(refusal(client, "section.move", {{"section", "loose"}}), HasSubstr("to is missing"));
  EXPECT_THAT(move("loose", "delta"), HasSubstr("alpha, beta, gamma"));
  EXPECT_THAT(move("none", "beta"), HasSubstr("no section \"none\""));
  EXPECT_THAT(move("fixed", "beta"), HasSubstr("not made to be moved"));
  EXPECT_THAT(move("loose", "alpha"), HasSubstr("has to be another cell"));
  EXPECT_THAT(move("loose", "gamma"), HasSubstr("that contributes memory"));
  EXPECT_THAT(move("loose", "beta"), HasSubstr("its monitor is gone"));
  cell.start_beta();  // Its part of that says nothing.
  await_beta(client, "joined");
  EXPECT_THAT(move("loose", "beta"),
              HasSubstr("section loose does not move: the new home does not answer"));
}

TEST(MemoryMethods, SplitLongListsIntoLines) {
  constexpr unsigned kRuns = 2048 - HIVE_SYSTEM_PAGES / 2;
  SharingCell cell({16 << 20, 0, 0});
  TestClient client = cell.connect();
  for (int i = 0; i < 1023; ++i) cell.create_section(std::string(59, 's') + std::to_string(i), 2);
  const Json every_second{{"cell", "beta"}, {"first", 0}, {"stride", 2}, {"runs", kRuns}};
  EXPECT_EQ(client.call("firewall.grant", every_second)["changed"], kRuns);
  std::uint64_t from = 0;
  std::uint64_t rights = 0;
  do {
    const Json part = client.call("firewall.list", {{"from", from}});
    EXPECT_LT(part.dump().size() + 128, wire::kMaxLine);
    for (const Json& right : part["rights"]) EXPECT_EQ(right["first"], 2 * rights++);
    from = part["next"];
  } while (from != 0);
  EXPECT_EQ(rights, kRuns);
  std::uint64_t first = 0;
  std::uint64_t sections = 0;
  for (bool more = true; more;) {
    const Json part = client.call("memory", {{"first", first}});
    EXPECT_LT(part.dump().size() + 128, wire::kMaxLine);
    for (const Json& section : part["sections"]) {
      const bool is_system = section["name"] == HIVE_SYSTEM_SECTION;
      EXPECT_EQ(section["first"], is_system ? 4096 - HIVE_SYSTEM_PAGES : 2 * sections);
      ++sections;
    }
    more = part["more"];
    first = 2 * sections;
  }
  EXPECT_EQ(sections, 1024U);
}

TEST(MemoryMethods, RefuseWhatCannotBeDone) {
  SharingCell cell({1 << 20, 0, 0});
  TestClient client = cell.connect();
  const auto grant = [&](const Json& params) { return refusal(client, "firewall.grant", params); };
  EXPECT_THAT(grant({{"first", 0}}), HasSubstr("cell is missing"));
  EXPECT_THAT(grant({{"cell", "beta"}}), HasSubstr("first is missing"));
  EXPECT_THAT(grant({{"cell", 1}, {"first", 0}}), HasSubstr("cell is not a string"));
  EXPECT_THAT(grant({{"cell", "beta"}, {"first", -1}}), HasSubstr("first is not a whole number"));
  EXPECT_THAT(grant({{"cell", "delta"}, {"first", 0}}), HasSubstr("alpha, beta, gamma"));
  EXPECT_THAT(grant({{"cell", ""}, {"first", 0}}), HasSubstr("no cell \"\""));
  EXPECT_THAT(grant({{"cell", "beta"}, {"section", "s"}, {"first", 0}}),
              HasSubstr("no section \"s\""));
  EXPECT_THAT(grant({{"cell", "beta"}, {"section", ""}, {"first", 0}}), HasSubstr("no section"));
  EXPECT_THAT(grant({{"cell", "beta"}, {"first", 256}}), HasSubstr("past the 256 pages"));
  EXPECT_THAT(grant({{"cell", "beta"}, {"first", ~0ULL}, {"pages", ~0ULL}}), HasSubstr("past"));
  EXPECT_THAT(grant({{"cell", "beta"}, {"first", 0}, {"pages", 0}}), HasSubstr("1 page or more"));
  EXPECT_THAT(grant({{"cell", "beta"}, {"first", 0}, {"pages", 2}, {"stride", 1}, {"runs", 2}}),
              HasSubstr("do not overlap"));
  EXPECT_THAT(grant({{"cell", "beta"}, {"first", 0}, {"runs", ~0ULL}}), HasSubstr("runs"));
  EXPECT_THAT(refusal(client, "firewall.revoke", {{"cell", "alpha"}, {"first", 0}}),
              testing::Not(HasSubstr("accepted")));
  EXPECT_THAT(refusal(client, "firewall.list", {{"cell", "delta"}}), HasSubstr("its cells are"));
  EXPECT_THAT(refusal(client, "firewall.list", {{"section", "s"}}), HasSubstr("no section"));
  EXPECT_THAT(client.call("firewall.list", Json::object())["rights"], SizeIs(0));
}

TEST(MemoryMethods, NameTheHomesWhereTheCellIsNone) {
  SharingCell cell({0, 1 << 20, 0});
  TestClient client = cell.connect();
  const Json memory = client.call("memory", Json::object());
  EXPECT_EQ(memory["size"], 0);
  EXPECT_THAT(memory["sections"], SizeIs(0));
  EXPECT_EQ(memory["peers"][0]["size"], 1 << 20);
  const Json pages{{"cell", "beta"}, {"first", 0}};
  for (const char* method : {"firewall.grant", "firewall.revoke"}) {
    EXPECT_THAT(refusal(client, method, pages),
                HasSubstr("cell alpha contributes no memory; ask one that does (beta)"));
  }
  EXPECT_THAT(refusal(client, "firewall.list", Json::object()), HasSubstr("contributes no memory"));
}

TEST(MemoryMethods, AreRefusedWhereNoCellContributes) {
  SharingCell cell({0, 0, 0});
  TestClient client = cell.connect();
  const Json pages{{"cell", "beta"}, {"first", 0}};
  EXPECT_THAT(refusal(client, "memory", Json::object()), HasSubstr("shared: SIZE"));
  EXPECT_THAT(refusal(client, "firewall.list", Json::object()), HasSubstr("shared: SIZE"));
  EXPECT_THAT(refusal(client, "firewall.grant", pages), HasSubstr("shared: SIZE"));
  EXPECT_THAT(refusal(client, "firewall.revoke", pages), HasSubstr("shared: SIZE"));
}

}  // namespace
}  // namespace hive::control
