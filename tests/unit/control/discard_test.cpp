// What a home's pages come to when a cell that could write them has failed.
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "cellmon/control/global_memory.h"
#include "guests/abi/system_area.h"
#include "tests/unit/control/vsock_monitors.h"
#include "vmm/memory/write_guard.h"

namespace hive::control {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr CellId kAlpha{0};
constexpr CellId kBeta{1};
constexpr std::uint64_t kSize = 2 << 20;
constexpr std::uint64_t kPages = kSize / kPageSize;
/// Those after them are the system area, to which the monitor writes.
constexpr std::uint64_t kOwnPages = kPages - HIVE_SYSTEM_PAGES;
constexpr std::byte kContent{0xa5};
constexpr std::byte kWild{0x66};
constexpr std::uint32_t kGranted = 100;  ///< The first of eight pages.
constexpr std::uint64_t kEpoch = 9;

/// A mapping of a contribution.
class Mapping {
 public:
  explicit Mapping(int file)
      : base_(static_cast<std::byte*>(
            ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0))) {
    if (base_ == MAP_FAILED) throw std::runtime_error("cannot map the contribution");
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { ::munmap(base_, kSize); }
  [[nodiscard]] std::byte* base() const { return base_; }
  [[nodiscard]] std::byte* page(std::uint64_t page) const { return base_ + page * kPageSize; }

 private:
  std::byte* base_;
};

/// One cell's monitor, as far as global memory goes.
struct Home {
  Home(boost::asio::io_context& loop, const plan::Machine& machine, unsigned own)
      : siblings(loop, machine, own, quiet_log()),
        memory(
            loop, machine, siblings, [](CellId, const std::string&) {}, quiet_log()) {
    siblings.start(machine.cells[own].shared, memory.files());
  }
  Siblings siblings;
  GlobalMemory memory;
};

/// Alpha's pages, all with content, and beta, which maps them as a VMM does.
class Discard : public testing::Test {
 protected:
  Discard() {
    static int count = 0;
    machine_.name = "discard-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
    for (const char* name : {"alpha", "beta"}) {
      plan::Cell cell;
      cell.id = CellId{static_cast<std::uint8_t>(machine_.cells.size())};
      cell.name = name;
      cell.shared = cell.id == kAlpha ? kSize : 0;
      machine_.cells.push_back(cell);
    }
    alpha_ = std::make_unique<Home>(loop_, machine_, 0);
    beta_ = std::make_unique<Home>(loop_, machine_, 1);
    run_until([this] { return alpha_->siblings.are_ready() && beta_->siblings.are_ready(); });
    own_ = std::make_unique<Mapping>(alpha_->memory.files().front());
    fill();
    start_vmm(1);
  }
  ~Discard() override {
    if (writer_.joinable()) writer_.join();
  }

  void run_until(const std::function<bool()>& holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!holds() && std::chrono::steady_clock::now() < end) {
      loop_.run_for(std::chrono::milliseconds(1));
      loop_.restart();
    }
    EXPECT_TRUE(holds());
  }

  void fill() { std::fill_n(own_->base(), kSize, kContent); }

  /// Beta has a VMM, which may write eight pages of alpha.
  void start_vmm(Incarnation incarnation) {
    mapping_ = std::make_unique<Mapping>(alpha_->memory.files().front());
    const UniqueFd guard = memory::protect_writes(mapping_->base(), kSize);
    std::array<int, 2> denials{};
    ASSERT_EQ(
        ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, denials.data()), 0);
    denials_.reset(denials[1]);
    const UniqueFd theirs(denials[0]);
    const std::array<int, 2> files{guard.get(), theirs.get()};
    const mesh::Admit admit{mesh::Kind::kAdmit, incarnation,
                            reinterpret_cast<std::uint64_t>(mapping_->base()), kSize};
    beta_->siblings.begin(incarnation);
    ASSERT_TRUE(beta_->siblings.send(kAlpha, admit, files));
    beta_->siblings.tell_start();
    grant_until_admitted();
  }
  /// The monitor's end of a link to a VMM of alpha.
  UniqueFd connect_vmm() {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds.data()),
              0);
    vmm_.reset(fds[1]);
    return UniqueFd(fds[0]);
  }
  void end_vmm() {
    beta_->siblings.tell_end();
    run_until([this] { return ledger().count_writable(kBeta) == 0; });
  }

  void grant_until_admitted() {
    // A grant from before the guard came ends with its coming.
    run_until([this] { return alpha_->memory.gatekeeper().descriptors().size() == 1; });
    hive_global_request request{};
    request.operation = HIVE_GLOBAL_GRANT;
    request.cell = static_cast<std::uint32_t>(kBeta);
    request.first = kGranted;
    request.pages = request.stride = 8;
    request.runs = 1;
    ASSERT_EQ(alpha_->memory.decide(request).status, HIVE_GLOBAL_OK);
  }

  /// Beta's guest writes to PAGES.
  void write(const std::vector<std::uint64_t>& pages) {
    std::atomic<bool> done = false;
    writer_ = std::thread([&] {
      for (const std::uint64_t page : pages) *mapping_->page(page) = kWild;
      done = true;
    });
    run_until([&] { return done.load(); });
    writer_.join();
  }

  /// The pages that do not have their content; DROPPED of them have none at all.
  [[nodiscard]] std::vector<std::uint64_t> changed() const {
    std::vector<std::uint64_t> pages;
    for (std::uint64_t page = 0; page < kOwnPages; ++page) {
      const std::byte* at = own_->page(page);
      if (!std::all_of(at, at + kPageSize, [](std::byte b) { return b == kContent; })) {
        pages.push_back(page);
      }
    }
    return pages;
  }
  [[nodiscard]] bool is_empty(std::uint64_t page) const {
    const std::byte* at = own_->page(page);
    return std::all_of(at, at + kPageSize, [](std::byte b) { return b == std::byte{0}; });
  }

  /// As recovery does; how many pages were noted.
  std::uint64_t recover() {
    const std::uint64_t noted = alpha_->memory.condemn(agree::CellSet::of(kBeta));
    EXPECT_TRUE(alpha_->memory.discard());
    alpha_->memory.renew(agree::CellSet::of(kBeta), kEpoch);
    return noted;
  }

  /// As alpha's guest sees them.
  [[nodiscard]] const hive_recovery_news& news() const {
    return reinterpret_cast<const hive_system_area*>(own_->page(kOwnPages))->news;
  }

  [[nodiscard]] const firewall::Ledger& ledger() const {
    return alpha_->memory.gatekeeper().ledger();
  }

  boost::asio::io_context loop_{1};
  plan::Machine machine_;
  std::unique_ptr<Home> alpha_;
  std::unique_ptr<Home> beta_;
  std::unique_ptr<Mapping> own_;
  std::unique_ptr<Mapping> mapping_;
  UniqueFd denials_;
  UniqueFd vmm_;
  std::thread writer_;
};

TEST_F(Discard, TakesWhatTheCellHasWrittenAndNothingElse) {
  write({kGranted + 1, kGranted + 6});
  const auto before = ledger().generation(kGranted + 1);
  EXPECT_EQ(recover(), 2U);
  EXPECT_THAT(changed(), ElementsAre(kGranted + 1, kGranted + 6));
  EXPECT_TRUE(is_empty(kGranted + 1) && is_empty(kGranted + 6));
  EXPECT_EQ(ledger().generation(kGranted + 1), *before + 1);
  EXPECT_EQ(ledger().count_writable(kBeta), 0U);
  fill();
  EXPECT_EQ(recover(), 0U) << "the same was discarded twice";
  EXPECT_THAT(changed(), IsEmpty());
}

TEST_F(Discard, RemembersWhatEndedWithTheVmm) {
  write({kGranted + 3});
  end_vmm();
  EXPECT_EQ(recover(), 1U);
  EXPECT_THAT(changed(), ElementsAre(kGranted + 3));
}

TEST_F(Discard, RemembersItFromCutOffToRecovery) {
  write({kGranted});
  alpha_->siblings.cut_off(kBeta);
  end_vmm();
  EXPECT_EQ(recover(), 1U);
  EXPECT_TRUE(is_empty(kGranted));
}

TEST_F(Discard, LeavesWhatAVmmWroteThatWasStartedAnew) {
  write({kGranted + 3});
  end_vmm();
  start_vmm(2);
  write({kGranted + 4});
  EXPECT_EQ(recover(), 1U);
  EXPECT_THAT(changed(), ElementsAre(kGranted + 3, kGranted + 4));
  EXPECT_EQ(*own_->page(kGranted + 3), kWild);
  EXPECT_TRUE(is_empty(kGranted + 4));
}

TEST_F(Discard, RemembersItWhenTheSameVmmIsAdmittedAgain) {
  write({kGranted + 3});
  alpha_->memory.on_lost(kBeta);
  start_vmm(1);  // Its monitor's link was cut, and is back.
  EXPECT_EQ(recover(), 1U);
  EXPECT_THAT(changed(), ElementsAre(kGranted + 3));
}

TEST_F(Discard, LeavesWhatACellWroteThatIsTakenDown) {
  write({kGranted + 3});
  ASSERT_TRUE(beta_->siblings.send(kAlpha, mesh::Down{}));
  end_vmm();
  EXPECT_EQ(recover(), 0U);
}

TEST_F(Discard, ComesEarlierForWhatIsHandedOutMeanwhile) {
  write({kGranted + 3});
  end_vmm();
  hive_global_request request{};
  request.operation = HIVE_GLOBAL_SECTION_CREATE;
  request.pages = kPages / 2;
  std::strcpy(request.name, "new");
  ASSERT_EQ(alpha_->memory.decide(request).status, HIVE_GLOBAL_OK);
  EXPECT_TRUE(is_empty(kGranted + 3)) << "the section begins with what beta wrote";
  fill();
  EXPECT_EQ(recover(), 0U);
  EXPECT_THAT(changed(), IsEmpty());
}

TEST_F(Discard, IsToldToTheGuest) {
  alpha_->memory.attach(connect_vmm(), 4);
  grant_until_admitted();  // It has granted nothing yet.
  EXPECT_EQ(news().magic, HIVE_NEWS_MAGIC);
  EXPECT_EQ(news().incarnation, 4U);
  EXPECT_EQ(news().discards, 0U);
  write({kGranted + 1, kGranted + 2, kGranted + 6});
  recover();
  EXPECT_EQ(news().discards, 2U);
  EXPECT_EQ(news().discard[0].number, 1U);
  EXPECT_EQ(news().discard[0].first, kGranted + 1);
  EXPECT_EQ(news().discard[0].pages, 2U);
  EXPECT_EQ(news().discard[1].number, 2U);
  EXPECT_EQ(news().discard[1].first, kGranted + 6);
  EXPECT_EQ(news().discard[1].cells, 2U);
  EXPECT_EQ(news().discard[1].epoch, kEpoch);
}

TEST_F(Discard, IsToldToTheGuestWithWhatIsOver) {
  const auto over = [this] { return __atomic_load_n(&news().over[1], __ATOMIC_ACQUIRE); };
  alpha_->memory.attach(connect_vmm(), 1);
  run_until([&] { return over() == 0; });
  end_vmm();
  run_until([&] { return over() == 1; });
  start_vmm(7);
  run_until([&] { return over() == 6; });
  alpha_->siblings.cut_off(kBeta);
  EXPECT_EQ(over(), 6U) << "it may write elsewhere still";
  alpha_->memory.abandon_locks(agree::CellSet::of(kBeta));
  EXPECT_EQ(over(), 7U);
  alpha_->memory.detach();
  fill();
  alpha_->memory.attach(connect_vmm(), 2);
  EXPECT_EQ(over(), 7U) << "it was forgotten with the guest";
}

TEST_F(Discard, TakesAllWhereTheHomeItselfFailed) {
  alpha_->memory.discard_all();
  EXPECT_EQ(changed().size(), kOwnPages);
  EXPECT_TRUE(is_empty(0) && is_empty(kPages - 1));
}

}  // namespace
}  // namespace hive::control
