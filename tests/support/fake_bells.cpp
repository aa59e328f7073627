#include "tests/support/fake_bells.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "vmm/base/error.h"
#include "vmm/base/unique_fd.h"

namespace hive::testing {
namespace {

using Cell = FakeBells::Cell;

/// Owned by a process, which may be killed meanwhile.
class Locked {
 public:
  explicit Locked(Cell& cell) : cell_(cell) {
    const auto own = static_cast<std::uint32_t>(::getpid());
    for (;;) {
      std::uint32_t owner = 0;
      if (take(owner, own)) return;
      const bool is_dead = ::kill(static_cast<pid_t>(owner), 0) != 0 && errno == ESRCH;
      if (is_dead && take(owner, own)) return;
      ::sched_yield();
    }
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
  ~Locked() { __atomic_store_n(&cell_.lock, 0, __ATOMIC_RELEASE); }

 private:
  /// From EXPECTED, which becomes the owner where it is not.
  bool take(std::uint32_t& expected, std::uint32_t own) {
    return __atomic_compare_exchange_n(&cell_.lock, &expected, own, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
  }
  Cell& cell_;
};

/// Interrupts where something is pending and not masked. CELL is locked.
void deliver(Cell& cell) {
  if (cell.pending == 0 || cell.masked != 0) return;
  cell.pending = 0;
  cell.masked = cell.slow == 0 ? 1 : 0;
  cell.in_handler = cell.slow;
  __atomic_fetch_add(&cell.interrupts, 1, __ATOMIC_SEQ_CST);
  // All who watch this descriptor edge by edge are told, each for itself.
  const std::uint64_t one = 1;
  (void)!::write(cell.event, &one, sizeof one);
}

class FakeListener : public sdk::Listener {
 public:
  explicit FakeListener(Cell& cell) : cell_(cell), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, cell.event, &event) != 0) {
      throw_errno("no listener for doorbells");
    }
  }

  bool enable() override {
    const Locked locked(cell_);
    cell_.masked = 0;
    deliver(cell_);
    return true;
  }
  void wait_until(sdk::Clock::time_point end) override {
    const auto left =
        std::chrono::duration_cast<std::chrono::nanoseconds>(end - sdk::Clock::now()).count();
    if (left <= 0) return;
    const timespec time{left / 1'000'000'000, left % 1'000'000'000};
    pollfd polled{epoll_.get(), POLLIN, 0};
    (void)::ppoll(&polled, 1, &time, nullptr);
  }
  [[nodiscard]] int descriptor() const override { return epoll_.get(); }

 protected:
  bool forget_interrupts() override {
    epoll_event event{};
    const bool any = ::epoll_wait(epoll_.get(), &event, 1, 0) > 0;
    return any && __atomic_load_n(&cell_.slow, __ATOMIC_SEQ_CST) != 0;
  }

 private:
  Cell& cell_;
  UniqueFd epoll_;
};

class FakeBell : public sdk::Bell {
 public:
  FakeBell(FakeBells& bells, Cell& own) : bells_(bells), own_(own) {}
  sdk::Result<std::unique_ptr<sdk::Listener>> listen(sdk::Clock::time_point /*end*/) override {
    return std::unique_ptr<sdk::Listener>(std::make_unique<FakeListener>(own_));
  }
  void ring(std::uint32_t cell) override { bells_.ring(cell); }

 private:
  FakeBells& bells_;
  Cell& own_;
};

}  // namespace

FakeBells::FakeBells() {
  void* memory =
      ::mmap(nullptr, sizeof *cells_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw_errno("no memory for doorbells");
  cells_ = static_cast<std::array<Cell, HIVE_GLOBAL_MAX_CELLS>*>(memory);
  for (Cell& cell : *cells_) {
    cell.event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (cell.event < 0) throw_errno("no descriptors for doorbells");
  }
}

FakeBells::~FakeBells() {
  for (const Cell& cell : *cells_) ::close(cell.event);
  ::munmap(cells_, sizeof *cells_);
}

std::unique_ptr<sdk::Bell> FakeBells::bell(std::uint32_t cell) {
  return std::make_unique<FakeBell>(*this, cells_->at(cell));
}

std::uint32_t FakeBells::rings(std::uint32_t cell) const {
  const Locked locked(cells_->at(cell));
  return cells_->at(cell).rings;
}

std::uint32_t FakeBells::interrupts(std::uint32_t cell) const {
  return __atomic_load_n(&cells_->at(cell).interrupts, __ATOMIC_SEQ_CST);
}

void FakeBells::ring(std::uint32_t cell) {
  Cell& target = cells_->at(cell);
  const Locked locked(target);
  ++target.rings;
  if (target.in_handler != 0) return;
  target.pending = 1;
  deliver(target);
}

void FakeBells::set_slow(std::uint32_t cell) {
  const Locked locked(cells_->at(cell));
  __atomic_store_n(&cells_->at(cell).slow, 1, __ATOMIC_SEQ_CST);
}

void FakeBells::end_interrupt(std::uint32_t cell) {
  const Locked locked(cells_->at(cell));
  cells_->at(cell).in_handler = 0;
}

}  // namespace hive::testing
