// Monitors that find each other, over real sockets, in one loop.
#include "cellmon/mesh/mesh.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spdlog/sinks/null_sink.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cellmon/wire/cell_address.h"
#include "cellmon/wire/local_socket.h"
#include "tests/support/run_until.h"

namespace hive::mesh {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

spdlog::logger& quiet() {
  static spdlog::logger logger("test", std::make_shared<spdlog::sinks::null_sink_mt>());
  return logger;
}

std::string machine_name() {
  static int count = 0;
  return "mesh-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
}

/// One monitor's mesh, and what it was told.
struct Peer {
  Peer(boost::asio::io_context& loop, const std::string& machine, unsigned own, unsigned cells)
      : own_cell(own), all(cells) {
    MeshSettings settings{machine, {}, own};
    for (unsigned cell = 0; cell < cells; ++cell) {
      settings.cells.push_back("cell" + std::to_string(cell));
    }
    Mesh::Handlers handlers;
    handlers.on_joined = [this](CellId cell, const Hello& hello, std::vector<UniqueFd> files) {
      if (hello.contribution == 666) return false;
      joined.push_back(static_cast<unsigned>(cell));
      for (UniqueFd& file : files) gifts.push_back(std::move(file));
      return true;
    };
    handlers.on_packet = [this](CellId cell, const Packet& packet, std::vector<UniqueFd>) {
      if (const auto* leave = std::get_if<Leave>(&packet)) {
        heard.emplace_back(static_cast<unsigned>(cell), leave->incarnation);
      }
    };
    handlers.on_lost = [this](CellId cell) { lost.push_back(static_cast<unsigned>(cell)); };
    mesh = std::make_unique<Mesh>(loop, settings, std::move(handlers), quiet());
  }

  void start(std::uint64_t contribution = 0, std::vector<int> files = {}, std::uint64_t life = 1) {
    Hello hello;
    hello.cell = own_cell;
    hello.cells = all;
    hello.contribution = contribution;
    hello.life = life;
    mesh->start(hello, std::move(files));
  }

  unsigned own_cell;
  unsigned all;
  std::vector<unsigned> joined;
  std::vector<unsigned> lost;
  std::vector<std::pair<unsigned, Incarnation>> heard;
  std::vector<UniqueFd> gifts;
  std::unique_ptr<Mesh> mesh;
};

class MeshTest : public testing::Test {
 protected:
  Peer& add(unsigned own, unsigned cells) {
    return *peers_.emplace_back(std::make_unique<Peer>(loop_, machine_, own, cells));
  }
  void run_until(const std::function<bool()>& holds) { test::run_until(loop_, holds); }

  boost::asio::io_context loop_{1};
  std::string machine_ = machine_name();
  std::vector<std::unique_ptr<Peer>> peers_;
};

TEST_F(MeshTest, JoinsEachWithEachInWhateverOrderTheyCome) {
  add(2, 3).start();
  run_until([this] { return true; });
  add(0, 3).start();
  add(1, 3).start();
  run_until([this] {
    return peers_[0]->joined.size() == 2 && peers_[1]->joined.size() == 2 &&
           peers_[2]->joined.size() == 2;
  });
  EXPECT_THAT(peers_[0]->joined, UnorderedElementsAre(0, 1));
  EXPECT_THAT(peers_[1]->joined, UnorderedElementsAre(1, 2));
  EXPECT_THAT(peers_[2]->joined, UnorderedElementsAre(0, 2));
}

TEST_F(MeshTest, DoesNotWaitForAPeerThatTakesNoCallers) {
  const std::string name = wire::mesh_socket_name({::geteuid(), machine_, "cell0"});
  UniqueFd stopped = wire::listen_abstract(name, SOCK_SEQPACKET);
  std::vector<UniqueFd> callers;
  while (UniqueFd caller = wire::connect_abstract(name, SOCK_SEQPACKET | SOCK_NONBLOCK)) {
    callers.push_back(std::move(caller));
  }
  add(1, 2).start();  // Comes back.
  stopped.reset();
  add(0, 2).start();
  run_until([this] { return peers_[0]->joined.size() == 1 && peers_[1]->joined.size() == 1; });
}

TEST_F(MeshTest, HandsOverDescriptorsAndPackets) {
  const UniqueFd gift(::eventfd(5, EFD_NONBLOCK));
  Peer& first = add(0, 2);
  Peer& second = add(1, 2);
  first.start();
  second.start(0, {gift.get()});
  run_until([&] { return !first.joined.empty() && !second.joined.empty(); });
  ASSERT_EQ(first.gifts.size(), 1U);
  std::uint64_t value = 0;
  EXPECT_EQ(::read(first.gifts[0].get(), &value, sizeof value), 8);
  EXPECT_EQ(value, 5U);
  EXPECT_TRUE(first.mesh->send(CellId{1}, Leave{Kind::kLeave, 9}));
  run_until([&] { return !second.heard.empty(); });
  EXPECT_THAT(second.heard, ElementsAre(std::pair(0U, 9U)));
}

TEST_F(MeshTest, TakesAPeerBackInALaterLifeOrTheSame) {
  for (const unsigned returning : {0U, 1U}) {
    peers_.clear();
    machine_ = machine_name();
    Peer& stays = add(1 - returning, 2);
    add(returning, 2).start(0, {}, 5);
    stays.start();
    run_until([&] { return stays.joined.size() == 1 && !peers_[1]->joined.empty(); });
    std::size_t times = 1;
    for (const std::uint64_t life : {5U, 9U}) {
      peers_.pop_back();
      run_until([&] { return stays.lost.size() == times; });
      EXPECT_FALSE(stays.mesh->is_joined(CellId{static_cast<std::uint8_t>(returning)}));
      EXPECT_FALSE(stays.mesh->send(CellId{static_cast<std::uint8_t>(returning)}, Leave{}));
      ++times;
      Peer& again = add(returning, 2);
      again.start(0, {}, life);
      run_until([&] { return stays.joined.size() == times && !again.joined.empty(); });
      EXPECT_TRUE(again.mesh->send(CellId{static_cast<std::uint8_t>(1 - returning)},
                                   Leave{Kind::kLeave, 7}));
      run_until([&] { return stays.heard.size() == times - 1; });
    }
  }
}

TEST_F(MeshTest, CutsALinkForAWhile) {
  for (const unsigned cutter : {0U, 1U}) {
    peers_.clear();
    machine_ = machine_name();
    for (unsigned cell = 0; cell < 3; ++cell) add(cell, 3).start();
    const auto all_joined = [&](std::size_t times) {
      return peers_[0]->joined.size() == times && peers_[1]->joined.size() == times;
    };
    run_until([&] { return all_joined(2) && peers_[2]->joined.size() == 2; });
    const CellId other{static_cast<std::uint8_t>(1 - cutter)};
    constexpr std::chrono::milliseconds kWhile{800};
    const auto start = std::chrono::steady_clock::now();
    peers_[cutter]->mesh->cut(other, kWhile);
    run_until([&] { return !peers_[0]->lost.empty() && !peers_[1]->lost.empty(); });
    const bool is_sent = peers_[cutter]->mesh->send(other, Leave{});
    EXPECT_TRUE(!is_sent || std::chrono::steady_clock::now() >= start + kWhile);
    run_until([&] { return all_joined(3); });  // It is tried again all the time.
    EXPECT_GE(std::chrono::steady_clock::now() - start, kWhile) << "cut by " << cutter;
    EXPECT_TRUE(peers_[cutter]->mesh->send(other, Leave{Kind::kLeave, 7}));
    run_until([&] { return !peers_[1 - cutter]->heard.empty(); });
    EXPECT_THAT(peers_[0]->lost, ElementsAre(1U));
    EXPECT_THAT(peers_[1]->lost, ElementsAre(0U));
    EXPECT_THAT(peers_[2]->lost, IsEmpty());
  }
}

TEST_F(MeshTest, CutsOneLinkAndNoOther) {
  for (unsigned cell = 0; cell < 3; ++cell) add(cell, 3).start();
  run_until([&] { return peers_[0]->joined.size() == 2 && peers_[2]->joined.size() == 2; });
  peers_[0]->mesh->cut(CellId{1}, std::nullopt);
  peers_.pop_back();
  run_until([&] { return peers_[0]->lost.size() == 2 && peers_[1]->lost.size() == 2; });
  add(2, 3).start(0, {}, 5);
  run_until([&] { return peers_[0]->joined.size() == 3 && peers_[2]->joined.size() == 2; });
  EXPECT_FALSE(peers_[0]->mesh->is_joined(CellId{1}));
  peers_[0]->mesh->cut(CellId{1}, std::chrono::milliseconds(1));  // The last word.
  run_until([&] { return peers_[0]->mesh->is_joined(CellId{1}); });
}

TEST_F(MeshTest, TakesNoEarlierLife) {
  Peer& first = add(0, 2);
  first.start();
  add(1, 2).start(0, {}, 9);
  run_until([&] { return first.joined.size() == 1; });
  peers_.pop_back();
  run_until([&] { return first.lost.size() == 1; });
  add(1, 2).start(0, {}, 8);
  // It is turned away and calls again and again: once it has, a later one is taken.
  loop_.run_for(std::chrono::milliseconds(100));
  loop_.restart();
  EXPECT_THAT(first.joined, ElementsAre(1U));
  peers_.pop_back();
  add(1, 2).start(0, {}, 10);
  run_until([&] { return first.joined.size() == 2; });
}

TEST_F(MeshTest, KnowsThePeersProcess) {
  const std::string name = wire::mesh_socket_name({::geteuid(), machine_, "cell0"});
  Peer& first = add(0, 2);
  first.start();
  std::array<int, 2> gate{};
  ASSERT_EQ(::pipe(gate.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const UniqueFd caller = wire::connect_abstract(name, SOCK_SEQPACKET);
    Hello hello;
    hello.cell = 1;
    hello.cells = 2;
    ::send(caller.get(), &hello, sizeof hello, MSG_NOSIGNAL);
    char byte = 0;
    ::close(gate[1]);
    ::_exit(::read(gate[0], &byte, 1) < 0 ? 1 : 0);
  }
  run_until([&] { return !first.joined.empty(); });
  const UniqueFd process = first.mesh->open_process(CellId{1});
  ASSERT_TRUE(process.valid());
  pollfd entry{process.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&entry, 1, 0), 0) << "it is alive";
  ::close(gate[1]);
  EXPECT_EQ(::poll(&entry, 1, 60'000), 1) << "it has ended";
  ::close(gate[0]);
  ::waitpid(child, nullptr, 0);
  run_until([&] { return !first.lost.empty(); });
  EXPECT_FALSE(first.mesh->open_process(CellId{1}).valid());
}

TEST_F(MeshTest, LosesAPeerThatDoesNotRead) {
  Peer& first = add(0, 2);
  Peer& second = add(1, 2);
  first.start();
  second.start();
  run_until([&] { return !first.joined.empty() && !second.joined.empty(); });
  for (int sent = 0; sent < 100'000 && first.mesh->send(CellId{1}, Leave{}); ++sent) {
  }
  run_until([&] { return !first.lost.empty(); });
}

TEST_F(MeshTest, LosesWhatMayBeLostAndNotThePeer) {
  Peer& first = add(0, 2);
  Peer& second = add(1, 2);
  first.start();
  second.start();
  EXPECT_FALSE(first.mesh->try_send(CellId{1}, Leave{}));
  run_until([&] { return !first.joined.empty() && !second.joined.empty(); });
  std::size_t sent = 0;
  while (sent < 100'000 && first.mesh->try_send(CellId{1}, Leave{})) ++sent;
  EXPECT_LT(sent, 100'000U);
  for (int more = 0; more < 1000; ++more) EXPECT_FALSE(first.mesh->try_send(CellId{1}, Leave{}));
  // As much again finds room that must not be lost.
  for (std::size_t more = 0; more + 2 < sent; ++more) {
    ASSERT_TRUE(first.mesh->send(CellId{1}, Leave{})) << more << " after " << sent;
  }
  run_until([&] { return second.heard.size() == 2 * sent - 2; });
  EXPECT_THAT(first.lost, IsEmpty());
  EXPECT_TRUE(first.mesh->try_send(CellId{1}, Leave{})) << "it has read";
}

TEST_F(MeshTest, TurnsStrangersAway) {
  Peer& first = add(0, 3);
  first.start();
  const std::string name = wire::mesh_socket_name({::geteuid(), machine_, "cell0"});
  Hello known;
  known.cell = 1;
  known.cells = 3;
  const auto turned_away = [&](std::string_view bytes) {
    const UniqueFd caller = wire::connect_abstract(name, SOCK_SEQPACKET);
    ::send(caller.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    bool closed = false;
    run_until([&] {
      std::array<char, 512> ignored;
      closed = closed || ::recv(caller.get(), ignored.data(), ignored.size(), MSG_DONTWAIT) == 0;
      return closed;
    });
  };
  turned_away("what?");
  turned_away(wire::as_packet(Leave{}));
  for (const auto& spoil : std::vector<std::function<void(Hello&)>>{
           [](Hello& hello) { hello.cell = 0; }, [](Hello& hello) { hello.cell = 3; },
           [](Hello& hello) { hello.cells = 2; },
           [](Hello& hello) { hello.version = kVersion + 1; }, [](Hello& hello) { hello.life = 0; },
           [](Hello& hello) { hello.contribution = 666; }}) {
    Hello hello = known;
    spoil(hello);
    turned_away(wire::as_packet(hello));
  }
  EXPECT_THAT(first.joined, IsEmpty());
  EXPECT_THAT(first.lost, IsEmpty());
}

}  // namespace
}  // namespace hive::mesh
