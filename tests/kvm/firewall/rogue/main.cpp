// Usage: hive-rogue-vmm confined|free ATTEMPT|all [MIB]
//
// MIB is how much RAM the guest has.
//
// A VMM like hive-vmm, of the same library, that somebody has taken over: when its guest is about
// to run, one of its threads makes the attempts. Descriptors 3 and 4 are the contributions of cells
// 0 and 1, of which it is the second; 5 is a SOCK_SEQPACKET socket to the test, which gets a
// GuardOffer with its two descriptors, answers with a packet of one byte, and then gets an
// AttemptReport for each attempt and, after all of them, for the guest's forbidden store.
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <string>
#include <string_view>
#include <thread>

#include "guests/abi/micro_script.h"
#include "tests/kvm/firewall/rogue/attempts.h"
#include "tests/kvm/firewall/rogue/rogue_run.h"
#include "tests/kvm/firewall/rogue/ways.h"
#include "tests/kvm/harness/global_cells.h"
#include "vmm/base/error.h"
#include "vmm/cell/cell.h"
#include "vmm/cell/global_protocol.h"
#include "vmm/cell/sandbox.h"

namespace hive::test {
namespace {

using cell::Cell;

constexpr int kAlpha = 3, kBeta = 4, kSocket = 5;

cell::CellConfig config_with(const std::string& script, std::uint64_t memory) {
  cell::GlobalConfig global;
  global.own = 1;
  global.contributions = {{kAlpha, kRogueContribution, {}}, {kBeta, kRogueContribution, {}}};
  cell::CellConfig config;
  config.name = "rogue";
  config.vcpus = 1;
  config.memory = memory;
  config.kernel = HIVE_MICRO_ELF;
  config.initrd = script;
  config.global = std::move(global);
  return config;
}

void offer(Cell::HomeLink link) {
  cell::GuardOffer offered;
  offered.home = link.guard.home;
  offered.base = link.guard.base;
  offered.size = link.guard.size;
  const std::array<int, 2> descriptors{link.guard.descriptor.get(), link.denials.get()};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof descriptors)> control{};
  iovec data{&offered, sizeof offered};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof descriptors);
  std::memcpy(CMSG_DATA(header), descriptors.data(), sizeof descriptors);
  char answer = 0;
  if (::sendmsg(kSocket, &message, 0) < 0 || ::recv(kSocket, &answer, 1, 0) != 1) {
    throw_errno("test socket");
  }
}

void report(std::size_t attempt, int error) {
  const AttemptReport packet{static_cast<std::uint32_t>(attempt), error};
  (void)!::send(kSocket, &packet, sizeof packet, MSG_NOSIGNAL);
}

class Rogue {
 public:
  Rogue(std::string_view which, std::uint64_t memory) : which_(which) {
    struct stat status {};
    if (::fstat(kAlpha, &status) != 0) throw_errno("contribution");
    target_.inode = status.st_ino;
    const TempFile script(rogue_guest());
    cell_ = std::make_unique<Cell>(loop_, config_with(script.path(), memory), [](const auto&) {});
    const memory::GlobalWindow& window = *cell_->global();
    target_.contribution = {window.base(), kRogueContribution};
    target_.ram = cell_->memory().span();
    target_.file = file_.get();
    target_.socket = kSocket;
    target_.ring = &ring_;
    if (::ftruncate(file_.get(), kPageSize) != 0) throw_errno("memfd");
    if (::pwrite(file_.get(), &kMark, 1, 0) != 1) throw_errno("memfd");
    for (Cell::HomeLink& link : cell_->take_home_links()) offer(std::move(link));
  }

  void run(bool confined) {
    std::promise<void> started;
    std::thread thread([this, ready = started.get_future()]() mutable {
      ready.wait();
      make_attempts();
      done_ = true;
    });
    if (confined) cell::drop_privileges();
    cell_->start([&] {
      if (!confined) return;
      cell::enter_sandbox({static_cast<std::uint32_t>(::getpid()), cell_->global()->first_kept(),
                           cell_->memory().span()});
    });
    started.set_value();
    run_loop([this] { return done_.load(); });
    thread.join();
    if (which_ == "all") let_guest_write();
  }

 private:
  void run_loop(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done() && std::chrono::steady_clock::now() < deadline) {
      loop_.restart();
      loop_.run_for(std::chrono::milliseconds(1));
    }
  }

  void make_attempts() {
    for (std::size_t index = 0; index < attempts().size(); ++index) {
      const Attempt& attempt = attempts()[index];
      const bool chosen =
          which_ == "all" ? attempt.confined != Confined::kDies : std::to_string(index) == which_;
      if (!chosen) continue;
      target_.page = target_.contribution.data() + page_of_attempt(index) * kPageSize;
      const int error = attempt.make(target_);
      // Whatever that has brought: a write that may fail.
      if (which_ == "all") (void)!::pread(file_.get(), target_.page, 1, 0);
      report(index, error);
    }
  }

  void let_guest_write() {
    (void)cell_->memory().store<std::uint64_t>({kRogueGo}, 1);
    run_loop([this] {
      return cell_->memory().load<std::uint32_t>({micro::results_address(0)}) == HIVE_MICRO_DONE;
    });
    const auto result =
        cell_->memory().load<hive_micro_result>({micro::result_address(0, kGuestsStore)});
    report(attempts().size(), static_cast<int>(result->status));
  }

  std::string_view which_;
  boost::asio::io_context loop_{1};
  boost::asio::io_context rings_loop_{1};  // Never run: its ring is waited for.
  device::IoRing ring_{rings_loop_, 4, [] {}};
  UniqueFd file_{::memfd_create("rogue", MFD_CLOEXEC)};
  std::unique_ptr<Cell> cell_;
  Target target_;
  std::atomic<bool> done_{false};
};

}  // namespace
}  // namespace hive::test

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) return 2;
  try {
    const std::uint64_t memory =
        argc == 4 ? std::stoull(argv[3]) * hive::kMiB : hive::test::MicroCell::kMemory;
    hive::test::Rogue rogue(argv[2], memory);
    rogue.run(std::string_view(argv[1]) == "confined");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rogue VMM: %s\n", error.what());
    std::_Exit(1);
  }
  std::_Exit(0);  // What is left of the cell may be in disorder.
}
