// Writes to the pages of a home that is out of the view and serves nobody any more.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "cellmon/control/global_memory.h"
#include "tests/unit/control/vsock_monitors.h"
#include "vmm/base/descriptors.h"
#include "vmm/cell/global_protocol.h"
#include "vmm/memory/denial.h"
#include "vmm/memory/write_guard.h"

namespace hive::control {
namespace {

constexpr CellId kBeta{1};
constexpr std::uint64_t kSize = 1 << 20;

/// Counts what other cells' monitors say about the ends of their VMMs.
struct Listener : SiblingsPart {
  bool on_joined(CellId /*cell*/, const mesh::Hello& /*hello*/,
                 std::vector<UniqueFd>& /*files*/) override {
    return true;
  }
  void on_packet(CellId /*cell*/, const mesh::Packet& packet,
                 std::vector<UniqueFd>& /*files*/) override {
    if (std::holds_alternative<mesh::Leave>(packet)) ++leaves;
  }
  void on_lost(CellId /*cell*/) override {}
  unsigned leaves = 0;
};

/// One cell's monitor, as far as global memory goes, with a loop of its own.
struct Monitor {
  Monitor(const plan::Machine& machine, unsigned own, std::uint64_t life = 1,
          Heritage heritage = {})
      : siblings(loop, machine, own, quiet_log()),
        memory(
            loop, machine, siblings, [](CellId, const std::string&) {}, quiet_log(),
            std::move(heritage)) {
    siblings.add(heard);
    siblings.start(machine.cells[own].shared, memory.files(), life);
  }
  void run() {
    loop.run_for(std::chrono::milliseconds(1));
    loop.restart();
  }

  boost::asio::io_context loop{1};
  Listener heard;
  Siblings siblings;
  GlobalMemory memory;
};

/// Alpha has a VMM that maps beta's pages; beta's monitor may stand still.
class HungHome : public testing::Test {
 protected:
  HungHome() {
    static int count = 0;
    machine_.name = "hung-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
    for (const char* name : {"alpha", "beta"}) {
      plan::Cell cell;
      cell.id = CellId{static_cast<std::uint8_t>(machine_.cells.size())};
      cell.name = name;
      cell.shared = kSize;
      machine_.cells.push_back(cell);
    }
    alpha_ = std::make_unique<Monitor>(machine_, 0);
    beta_ = std::make_unique<Monitor>(machine_, 1);
    run_until([this] { return alpha_->siblings.are_ready() && beta_->siblings.are_ready(); });
    start_vmm();
  }
  ~HungHome() override {
    // Protection ends, and so does a write that nobody has decided on.
    const Range all{0, kSize};
    (void)memory::WriteGuard(std::move(guard_), address(), kSize).open(all);
    if (writer_.joinable()) writer_.join();
    ::munmap(mapping_, kSize);
  }

  void run_until(const std::function<bool()>& holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!holds() && std::chrono::steady_clock::now() < end) {
      alpha_->run();
      if (!beta_hangs_) beta_->run();
    }
    EXPECT_TRUE(holds());
  }

  [[nodiscard]] std::uint64_t address() const { return reinterpret_cast<std::uint64_t>(mapping_); }

  static void make_pair(UniqueFd& one, UniqueFd& other) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()),
              0);
    one.reset(ends[0]);
    other.reset(ends[1]);
  }

  /// Alpha's VMM offers its guard of beta's pages, as a VMM does first of all.
  void start_vmm() {
    mapping_ = static_cast<std::byte*>(::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED,
                                              beta_->memory.files().front(), 0));
    ASSERT_NE(mapping_, MAP_FAILED);
    guard_ = memory::protect_writes(mapping_, kSize);
    UniqueFd link;
    UniqueFd theirs;
    make_pair(link, link_);
    make_pair(theirs, denials_);
    alpha_->memory.attach(std::move(link), 1);
    cell::GuardOffer offer;
    offer.home = static_cast<std::uint32_t>(kBeta);
    offer.base = address();
    offer.size = kSize;
    const std::array<int, 2> files{guard_.get(), theirs.get()};
    ASSERT_TRUE(send_packet(link_.get(), &offer, sizeof offer, files));
    run_until([this] { return beta_->memory.gatekeeper().descriptors().size() == 1; });
  }

  static bool send_packet(int socket, const void* bytes, std::size_t size,
                          const std::array<int, 2>& files) {
    iovec part{const_cast<void*>(bytes), size};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof files)> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof files);
    std::memcpy(CMSG_DATA(header), files.data(), sizeof files);
    return ::sendmsg(socket, &message, 0) == static_cast<ssize_t>(size);
  }

  /// Alpha's guest writes to a page of beta.
  void write() {
    writer_ = std::thread([this] {
      mapping_[3 * kPageSize] = std::byte{1};
      written_ = true;
    });
  }
  /// Beta's monitor ends, and another one is started, with what alpha's knows of its files.
  void replace_beta(bool with_heritage) {
    Heritage heritage;
    if (with_heritage) {
      heritage = take_heritage(leave_heritage(alpha_->memory.heritage()), machine_);
    }
    beta_.reset();
    beta_hangs_ = true;
    run_until([this] { return alpha_->siblings.state(kBeta) == Siblings::State::kLost; });
    alpha_->siblings.cut_off(kBeta);
    beta_ = std::make_unique<Monitor>(machine_, 1, 7, std::move(heritage));
    beta_hangs_ = false;
    run_until([this] { return alpha_->siblings.state(kBeta) == Siblings::State::kJoined; });
    alpha_->siblings.admit(kBeta);
  }
  hive_global_status grant() {
    hive_global_request grant{};
    grant.operation = HIVE_GLOBAL_GRANT;
    grant.cell = 0;
    grant.pages = grant.stride = 4;
    grant.runs = 1;
    return static_cast<hive_global_status>(beta_->memory.decide(grant).status);
  }
  void expect_denial() {
    memory::Denial denial{};
    run_until([&] {
      return ::recv(denials_.get(), &denial, sizeof denial, MSG_DONTWAIT | MSG_PEEK) > 0;
    });
    EXPECT_EQ(denial.offset, 3 * kPageSize);
  }

  plan::Machine machine_;
  std::unique_ptr<Monitor> alpha_;
  std::unique_ptr<Monitor> beta_;
  bool beta_hangs_ = false;
  std::byte* mapping_ = nullptr;
  UniqueFd guard_;
  UniqueFd link_;
  UniqueFd denials_;
  std::atomic<bool> written_ = false;
  std::thread writer_;
};

TEST_F(HungHome, IsTakenOverThoughItHadNoVmm) {
  beta_hangs_ = true;
  write();
  alpha_->siblings.cut_off(kBeta);
  expect_denial();
}

TEST_F(HungHome, IsTakenOverWhereItsVmmHasEndedSince) {
  beta_->siblings.begin(1);
  beta_->siblings.tell_start();
  alpha_->siblings.cut_off(kBeta);
  beta_->siblings.tell_end();
  run_until([this] { return alpha_->heard.leaves == 1; });
  beta_hangs_ = true;
  write();
  expect_denial();
}

TEST_F(HungHome, DecidesAgainWhenItIsBack) {
  alpha_->siblings.cut_off(kBeta);
  ASSERT_EQ(grant(), HIVE_GLOBAL_OK);
  alpha_->siblings.admit(kBeta);
  write();
  run_until([this] { return written_.load(); });
}

TEST_F(HungHome, DecidesByALaterMonitorThatHasTakenItsMemoryOver) {
  ASSERT_EQ(grant(), HIVE_GLOBAL_OK);
  write();
  run_until([this] { return written_.load(); });
  writer_.join();
  replace_beta(true);
  EXPECT_EQ(mapping_[3 * kPageSize], std::byte{0}) << "what the last incarnation had";
  written_ = false;
  write();
  expect_denial();  // What the last monitor has opened is protected.
  ASSERT_EQ(grant(), HIVE_GLOBAL_OK);
  // As the VMM does with a write that was denied and is allowed now.
  (void)memory::WriteGuard(UniqueFd(::dup(guard_.get())), address(), kSize).wake({0, kSize});
  run_until([this] { return written_.load(); });
}

TEST_F(HungHome, StaysShutWhereALaterMonitorHasOtherMemory) {
  replace_beta(false);
  ASSERT_EQ(grant(), HIVE_GLOBAL_OK);
  EXPECT_TRUE(beta_->memory.gatekeeper().descriptors().empty());
  write();
  expect_denial();
}

}  // namespace
}  // namespace hive::control
