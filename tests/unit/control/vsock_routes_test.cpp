// Rings between the cells of a machine, and what VMMs are told of their siblings' lives.
#include <gmock/gmock.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "cellmon/mesh/mesh.h"
#include "tests/unit/control/vsock_monitors.h"
#include "vmm/memory/ring_file.h"
#include "vmm/memory/shared_file.h"

namespace hive::control {
namespace {

using cell::VsockMessage;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

ino_t inode(int fd) {
  struct stat info {};
  EXPECT_EQ(::fstat(fd, &info), 0);
  return info.st_ino;
}

/// Whether what is rung at FROM is heard at TO.
bool is_same_event(int from, int to) {
  eventfd_t value = 0;
  return ::eventfd_write(from, 5) == 0 && ::eventfd_read(to, &value) == 0 && value == 5;
}

const cell::VsockPeerConfig& peer_of(const cell::VsockConfig& config, unsigned cell) {
  for (const auto& peer : config.peers) {
    if (peer.cell == cell) return peer;
  }
  ADD_FAILURE() << "no peer " << cell;
  return config.peers.front();
}

std::vector<unsigned> cells_of(const cell::VsockConfig& config) {
  std::vector<unsigned> cells;
  for (const auto& peer : config.peers) cells.push_back(peer.cell);
  return cells;
}

using VsockRoutes = VsockMonitors;

TEST_F(VsockRoutes, JoinEachPairByARingEachWay) {
  start();
  for (unsigned from = 0; from < 3; ++from) {
    const cell::VsockConfig sender = monitors_[from]->vsock.config();
    EXPECT_EQ(sender.own, from);
    EXPECT_EQ(sender.cid, 3 + from);
    EXPECT_EQ(sender.packets_per_second, 200'000U);
    EXPECT_THAT(sender.peers, SizeIs(2));
    for (unsigned to = 0; to < 3; ++to) {
      if (to == from) continue;
      const cell::VsockConfig receiver = monitors_[to]->vsock.config();
      const cell::VsockPeerConfig& callee = peer_of(sender, to);
      EXPECT_EQ(callee.name, machine_.cells[to].name);
      EXPECT_EQ(callee.cid, 3 + to);
      EXPECT_TRUE(callee.may_call && callee.may_be_called);
      const cell::RingConfig& out = callee.out;
      const cell::RingConfig& in = peer_of(receiver, from).in;
      EXPECT_TRUE(memory::is_shared_file(out.file, memory::kRingFileBytes));
      EXPECT_EQ(inode(out.file), inode(in.file));
      EXPECT_TRUE(is_same_event(out.data, in.data));
      EXPECT_TRUE(is_same_event(in.space, out.space));
      EXPECT_NE(inode(out.file), inode(callee.in.file));
    }
  }
}

TEST_F(VsockRoutes, LeaveOutPairsOfWhichNeitherMayCall) {
  machine_.rpc.calls = {{CellId{0}, {CellId{1}}}};
  start();
  EXPECT_THAT(cells_of(monitors_[0]->vsock.config()), ElementsAre(1));
  EXPECT_THAT(cells_of(monitors_[1]->vsock.config()), ElementsAre(0));
  EXPECT_THAT(monitors_[2]->vsock.config().peers, IsEmpty());
  const cell::VsockConfig caller = monitors_[0]->vsock.config();
  EXPECT_TRUE(caller.peers[0].may_call);
  EXPECT_FALSE(caller.peers[0].may_be_called);
  const cell::VsockConfig callee = monitors_[1]->vsock.config();
  EXPECT_FALSE(callee.peers[0].may_call);
  EXPECT_TRUE(callee.peers[0].may_be_called);
}

TEST_F(VsockRoutes, TellAVmmWhoLives) {
  start();
  VsockMonitor& alpha = *monitors_[0];
  VsockMonitor& beta = *monitors_[1];
  alpha.start_vmm(1);
  beta.start_vmm(7);
  auto told = hear(alpha).as<cell::VsockPeerState>(VsockMessage::kPeerUp);
  EXPECT_EQ(told.cell, 1U);
  EXPECT_EQ(told.incarnation, 7U);
  beta.end_vmm();
  told = hear(alpha).as<cell::VsockPeerState>(VsockMessage::kPeerDown);
  EXPECT_EQ(told.cell, 1U);
  EXPECT_EQ(told.incarnation, 7U);
  beta.start_vmm(8);
  EXPECT_EQ(hear(alpha).as<cell::VsockPeerState>(VsockMessage::kPeerUp).incarnation, 8U);
}

TEST_F(VsockRoutes, TellEachNewVmmAllAnew) {
  start();
  VsockMonitor& alpha = *monitors_[0];
  monitors_[1]->start_vmm(4);
  monitors_[2]->start_vmm(1);
  monitors_[2]->end_vmm();
  run_until([&] {
    return alpha.vsock.routes().life(CellId{1}).up &&
           alpha.vsock.routes().life(CellId{2}) == RingRoutes::Life{1, false};
  });
  for (Incarnation incarnation = 1; incarnation < 3; ++incarnation) {
    alpha.start_vmm(incarnation);
    const auto told = hear(alpha).as<cell::VsockPeerState>(VsockMessage::kPeerUp);
    EXPECT_EQ(told.cell, 1U);
    EXPECT_EQ(told.incarnation, 4U);
    run_for(20);
    EXPECT_FALSE(try_hear(alpha)) << "nobody else lives";
    alpha.end_vmm();
  }
}

TEST_F(VsockRoutes, TellThatASiblingIsDownWhenItsMonitorIsGone) {
  start();
  VsockMonitor& alpha = *monitors_[0];
  alpha.start_vmm(1);
  monitors_[1]->start_vmm(2);
  EXPECT_EQ(hear(alpha).as<cell::VsockPeerState>(VsockMessage::kPeerUp).incarnation, 2U);
  monitors_[1].reset();
  EXPECT_EQ(hear(alpha).as<cell::VsockPeerState>(VsockMessage::kPeerDown).incarnation, 2U);
  EXPECT_THAT(cells_of(alpha.vsock.config()), ElementsAre(1, 2)) << "its rings stay";
  EXPECT_TRUE(alpha.siblings.are_ready());
}

TEST_F(VsockRoutes, GoOnWithASiblingsLaterMonitor) {
  start();
  VsockMonitor& alpha = *monitors_[0];
  alpha.start_vmm(1);
  monitors_[1]->start_vmm(2);
  EXPECT_EQ(hear(alpha).as<cell::VsockPeerState>(VsockMessage::kPeerUp).incarnation, 2U);
  const cell::VsockConfig before = alpha.vsock.config();
  monitors_[1].reset();
  EXPECT_EQ(hear(alpha).as<cell::VsockPeerState>(VsockMessage::kPeerDown).incarnation, 2U);
  VsockMonitor& beta = start(1, 9);
  run_until([&] { return beta.vsock.routes().has_all_of(CellId{0}); });
  const cell::VsockConfig later = beta.vsock.config();
  const cell::VsockPeerConfig& ours = peer_of(before, 1);
  const cell::VsockPeerConfig& theirs = peer_of(later, 0);
  EXPECT_EQ(inode(ours.out.file), inode(theirs.in.file));
  EXPECT_EQ(inode(ours.in.file), inode(theirs.out.file));
  EXPECT_TRUE(is_same_event(ours.out.data, theirs.in.data));
  EXPECT_TRUE(is_same_event(theirs.in.space, ours.out.space));
  EXPECT_TRUE(is_same_event(theirs.out.data, ours.in.data));
  EXPECT_EQ(beta.vsock.routes().least(), 3U) << "alpha's VMM has heard of 2";
  beta.start_vmm(3);
  EXPECT_EQ(hear(alpha).as<cell::VsockPeerState>(VsockMessage::kPeerUp).incarnation, 3U);
}

TEST_F(VsockRoutes, KeepASiblingFromAVmmThatDoesNotHaveItsRings) {
  start(0);
  VsockMonitor& alpha = *monitors_[0];
  alpha.start_vmm(1);
  VsockMonitor& beta = start(1, 9);
  run_until([&] { return beta.vsock.routes().has_all_of(CellId{0}); });
  beta.start_vmm(3);
  run_until([&] { return alpha.vsock.routes().life(CellId{1}) == RingRoutes::Life{3, true}; });
  run_for(20);
  EXPECT_FALSE(try_hear(alpha)) << "it could not talk to it";
  alpha.end_vmm();
  EXPECT_THAT(cells_of(alpha.vsock.config()), ElementsAre(1));
  alpha.start_vmm(2);
  EXPECT_EQ(hear(alpha).as<cell::VsockPeerState>(VsockMessage::kPeerUp).incarnation, 3U);
}

TEST_F(VsockRoutes, ReachAVmmThatReadsLate) {
  start();
  VsockMonitor& alpha = *monitors_[0];
  VsockMonitor& beta = *monitors_[1];
  alpha.start_vmm(1);
  beta.start_vmm(1);
  EXPECT_EQ(hear(alpha).as<cell::VsockPeerState>(VsockMessage::kPeerUp).incarnation, 1U);
  // Fills what lies before the VMM.
  while (alpha.vsock.set_faults(CellId{1}, {})) {
  }
  for (Incarnation incarnation = 2; incarnation < 5; ++incarnation) {
    beta.end_vmm();
    beta.start_vmm(incarnation);
  }
  run_until([&] { return alpha.vsock.routes().life(CellId{1}) == RingRoutes::Life{4, true}; });
  std::vector<std::pair<VsockMessage, Incarnation>> told;
  run_until([&] {
    while (const auto heard = try_hear(alpha)) {
      cell::VsockPeerState state;
      if (heard->bytes.size() != sizeof state) continue;
      std::memcpy(&state, heard->bytes.data(), sizeof state);
      told.emplace_back(state.message, state.incarnation);
    }
    return told.size() >= 2;
  });
  EXPECT_THAT(told, ElementsAre(std::pair(VsockMessage::kPeerDown, Incarnation{1}),
                                std::pair(VsockMessage::kPeerUp, Incarnation{4})));
}

/// A monitor of beta that does as the test says.
class RoguePeer : public VsockMonitors {
 protected:
  void join(agree::Life alphas = agree::kFounder) {
    start(0, alphas);
    mesh::Mesh::Handlers handlers;
    handlers.on_joined = [](CellId, const mesh::Hello&, const std::vector<UniqueFd>&) {
      return true;
    };
    handlers.on_packet = [](CellId, const mesh::Packet&, const std::vector<UniqueFd>&) {};
    handlers.on_lost = [this](CellId) { lost_ = true; };
    mesh_ = std::make_unique<mesh::Mesh>(
        loop_, mesh::MeshSettings{machine_.name, {"alpha", "beta", "gamma"}, 1},
        std::move(handlers), quiet_log());
    mesh::Hello hello;
    hello.cell = 1;
    hello.cells = 3;
    mesh_->start(hello, {});
    run_until([this] { return mesh_->is_joined(CellId{0}); });
  }
  [[nodiscard]] bool has_ring() const { return monitors_[0]->vsock.routes().has_all_of(CellId{1}); }

  std::unique_ptr<mesh::Mesh> mesh_;
  bool lost_ = false;
};

TEST_F(RoguePeer, GivesARingOfTheRightKindOnly) {
  join();
  const UniqueFd file = memory::make_shared_file("ring", memory::kRingFileBytes);
  const UniqueFd small = memory::make_shared_file("small", memory::kRingFileBytes / 2);
  const UniqueFd data(::eventfd(0, EFD_CLOEXEC));
  const UniqueFd space(::eventfd(0, EFD_CLOEXEC));
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  const UniqueFd reader(pipe[0]);
  const UniqueFd writer(pipe[1]);
  const auto offer = [&](const std::vector<int>& files) {
    EXPECT_TRUE(mesh_->send(CellId{0}, mesh::Rings{}, files));
    run_for(20);
    return has_ring();
  };
  EXPECT_FALSE(offer({}));
  EXPECT_FALSE(offer({file.get(), data.get()}));
  EXPECT_FALSE(offer({small.get(), data.get(), space.get()}));
  EXPECT_FALSE(offer({file.get(), data.get(), writer.get()}));
  EXPECT_FALSE(offer({data.get(), file.get(), space.get()}));
  EXPECT_FALSE(offer({file.get(), data.get(), space.get(), data.get()}));
  EXPECT_TRUE(offer({file.get(), data.get(), space.get()}));
  const cell::VsockConfig config = monitors_[0]->vsock.config();
  const UniqueFd other = memory::make_shared_file("other", memory::kRingFileBytes);
  EXPECT_TRUE(offer({other.get(), data.get(), space.get()}));
  EXPECT_EQ(inode(peer_of(config, 1).out.file), inode(file.get())) << "the first one stays";
  eventfd_t value = 0;
  EXPECT_EQ(::eventfd_read(peer_of(config, 1).out.data, &value), -1) << "it does not block";
}

TEST_F(RoguePeer, KeepsARingOfTheRightKindOnlyAndNotOneForAVmmThatRuns) {
  join();
  const UniqueFd file = memory::make_shared_file("ring", memory::kRingFileBytes);
  const UniqueFd other = memory::make_shared_file("other", memory::kRingFileBytes);
  const UniqueFd data(::eventfd(0, EFD_CLOEXEC));
  const UniqueFd space(::eventfd(0, EFD_CLOEXEC));
  const auto keep = [&](const std::vector<int>& files, Incarnation last) {
    EXPECT_TRUE(mesh_->send(CellId{0}, mesh::KeptRing{mesh::Kind::kKeptRing, last}, files));
    run_for(20);
    return monitors_[0]->vsock.routes().least();
  };
  EXPECT_EQ(keep({data.get(), file.get(), space.get()}, 5), 1U);
  EXPECT_EQ(keep({}, ~Incarnation{0}), 1U) << "there was no such incarnation";
  EXPECT_EQ(keep({}, 4), 5U) << "it has none, and has heard of incarnations";
  EXPECT_EQ(keep({file.get(), data.get(), space.get()}, 5), 6U);
  EXPECT_TRUE(mesh_->send(CellId{0}, mesh::Rings{},
                          std::vector<int>{other.get(), data.get(), space.get()}));
  run_until([this] { return has_ring(); });
  monitors_[0]->start_vmm(6);
  EXPECT_EQ(keep({other.get(), data.get(), space.get()}, 9), 6U);
  const cell::VsockConfig config = monitors_[0]->vsock.config();
  EXPECT_EQ(inode(peer_of(config, 1).in.file), inode(file.get())) << "the VMM has that one";
}

TEST_F(RoguePeer, HoldsALaterMonitorUpUntilItTellsOfIncarnations) {
  machine_.rpc.calls.emplace();  // Nobody calls anybody: there are no rings to wait for.
  join(2);
  EXPECT_FALSE(has_ring());
  EXPECT_TRUE(mesh_->send(CellId{0}, mesh::KeptRing{mesh::Kind::kKeptRing, 7}));
  run_until([this] { return has_ring(); });
  EXPECT_EQ(monitors_[0]->vsock.routes().least(), 8U);
}

TEST_F(RoguePeer, CannotGoBackInTime) {
  join();
  const auto say = [&](const auto& packet) {
    EXPECT_TRUE(mesh_->send(CellId{0}, packet));
    run_for(20);
    return monitors_[0]->vsock.routes().life(CellId{1});
  };
  using Life = RingRoutes::Life;
  EXPECT_EQ(say(mesh::Up{mesh::Kind::kUp, 0}), (Life{0, false}));
  EXPECT_EQ(say(mesh::Up{mesh::Kind::kUp, 5}), (Life{5, true}));
  EXPECT_EQ(say(mesh::Up{mesh::Kind::kUp, 4}), (Life{5, true}));
  EXPECT_EQ(say(mesh::Leave{mesh::Kind::kLeave, 4}), (Life{5, true})) << "a late one";
  EXPECT_EQ(say(mesh::Leave{mesh::Kind::kLeave, 5}), (Life{5, false}));
  EXPECT_EQ(say(mesh::Up{mesh::Kind::kUp, 5}), (Life{5, false}));
  EXPECT_EQ(say(mesh::Up{mesh::Kind::kUp, 6}), (Life{6, true}));
  EXPECT_EQ(say(mesh::Up{mesh::Kind::kUp, 7}), (Life{7, true})) << "the end of 6 was lost";
  EXPECT_FALSE(lost_);
}

}  // namespace
}  // namespace hive::control
