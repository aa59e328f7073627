#include "tests/kvm/harness/wax_cell.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <span>
#include <stdexcept>
#include <utility>
#include <variant>

#include "guests/abi/state_reading.h"
#include "tests/support/state_pages.h"
#include "vmm/base/units.h"
#include "vmm/cell/policy_protocol.h"
#include "vmm/memory/shared_file.h"

namespace hive::test {
namespace {

std::pair<UniqueFd, UniqueFd> socket_pair(int type) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw std::runtime_error("socketpair");
  }
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace

StatePages::StatePages(unsigned cells) {
  for (unsigned cell = 0; cell < cells; ++cell) {
    files_.push_back(memory::make_shared_file("state", HIVE_STATE_BYTES));
    void* place = ::mmap(nullptr, HIVE_STATE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
                         files_.back().get(), 0);
    if (place == MAP_FAILED) throw std::runtime_error("cannot map a page");
    pages_.push_back(static_cast<hive_state_page*>(place));
    *pages_.back() = state_page(cell);
  }
}

StatePages::~StatePages() {
  for (hive_state_page* page : pages_) ::munmap(page, HIVE_STATE_BYTES);
}

void StatePages::publish(unsigned cell, const hive_state_page& content) {
  hive_state_page& page = this->page(cell);
  state_page::store(page.incarnation, content.incarnation);
  state_page::store(page.epoch, content.epoch);
  state_page::write_group(page.guest_turn, page.guest, content.guest);
  state_page::write_group(page.memory_turn, page.memory, content.memory);
  state_page::write_group(page.shares_turn, page.shares, content.shares);
}

cell::PolicyConfig StatePages::config(std::uint32_t round_ms, UniqueFd& monitor) const {
  cell::PolicyConfig config;
  for (const UniqueFd& file : files_) config.pages.push_back(::dup(file.get()));
  config.epoch = WaxCell::kEpoch;
  config.cpus = 2;
  config.round_ms = round_ms;
  auto [own, vmms] = socket_pair(SOCK_SEQPACKET);
  monitor = std::move(own);
  config.link = vmms.release();
  return config;
}

std::uint64_t host_time() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

std::optional<WaxRound> WaxMonitor::take() {
  std::array<std::byte, cell::kMaxPolicyPacket + 1> bytes{};
  for (;;) {
    const ssize_t size = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (size <= 0) return std::nullopt;
    const auto packet =
        cell::parse_policy_packet(std::span(bytes).first(static_cast<std::size_t>(size)));
    if (!packet) throw std::runtime_error("the VMM breaks the protocol");
    if (const auto* hint = std::get_if<cell::PolicyHint>(&*packet)) {
      round_.hints.push_back(hint->hint);
      continue;
    }
    const auto& beat = std::get<cell::PolicyBeat>(*packet);
    round_.number = beat.rounds;
    round_.dropped = beat.dropped;
    return std::exchange(round_, {});
  }
}

WaxCell::WaxCell(const StatePages& pages, const std::string& command_line, std::uint32_t round_ms) {
  cell::CellConfig config;
  config.name = "wax";
  config.incarnation = kIncarnation;
  config.memory = 4 * kMiB;
  config.kernel = HIVE_WAX_ELF;
  config.cmdline = command_line;
  config.policy = pages.config(round_ms, monitor_.socket());
  auto [own, vmms] = socket_pair(SOCK_STREAM);
  serial_ = std::move(own);
  config.serial_fd = vmms.release();
  cell_ = std::make_unique<cell::Cell>(
      loop_, config, [this](const cell::Report& report) { reports_.push_back(report.kind); });
}

bool WaxCell::run_until(const std::function<bool()>& done, std::chrono::seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    loop_.restart();
    loop_.run_for(std::chrono::milliseconds(1));
  }
  return true;
}

std::optional<WaxRound> WaxCell::next_round(std::chrono::seconds limit) {
  std::optional<WaxRound> round;
  run_until([&] { return (round = monitor_.take()).has_value(); }, limit);
  return round;
}

std::optional<std::string> WaxCell::run_until_report(cell::ReportKind kind) {
  std::string printed;
  const bool came = run_until(
      [&] {
        std::array<char, 256> text{};
        const ssize_t size = ::recv(serial_.get(), text.data(), text.size(), MSG_DONTWAIT);
        if (size > 0) printed.append(text.data(), static_cast<std::size_t>(size));
        return std::find(reports_.begin(), reports_.end(), kind) != reports_.end() &&
               printed.ends_with('\n');
      },
      std::chrono::seconds(30));
  return came ? std::optional(printed) : std::nullopt;
}

}  // namespace hive::test
