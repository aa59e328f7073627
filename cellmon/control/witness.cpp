#include "cellmon/control/witness.h"

#include <unistd.h>

#include <csignal>
#include <iterator>
#include <utility>
#include <variant>

#include "cellmon/control/log.h"
#include "cellmon/control/run_name.h"
#include "vmm/plan/limits.h"

namespace hive::control {
namespace {

constexpr std::size_t kWitnessLogLimit = 256 * 1024;
/// Longer than a cell that keeps failing is made to wait, and its monitor may take to come.
constexpr std::chrono::milliseconds kAlone{150'000};
/// The same in a machine that goes down, as it seems: `hive down` waits longer.
constexpr std::chrono::milliseconds kLeftAlone{3'000};

BoundedFile::Begin begin_of(agree::Life life) {
  return life == agree::kFounder ? BoundedFile::Begin::kAnew : BoundedFile::Begin::kAtEnd;
}

}  // namespace

Witness::Witness(const plan::Machine& machine, const std::string& run_dir, Origin origin)
    : machine_(machine),
      name_(
          await_run_name(machine, std::string(plan::kWitnessName), origin.life, origin.end_limit)),
      folder_(run_dir + "/" + machine.name),
      log_file_(folder_.path() + "/" + std::string(plan::kWitnessName) + ".log", kWitnessLogLimit,
                begin_of(origin.life)),
      log_(make_log(log_file_)),
      life_(origin.life),
      siblings_(loop_, machine_, static_cast<unsigned>(machine_.cells.size()), *log_),
      replacements_(
          loop_, machine_, std::move(origin.start_monitor),
          [this](CellId cell) { members_->not_replaced(cell); },
          [this](const std::string& kind, const std::string& detail) { tell(kind, detail); }),
      signals_(loop_, SIGTERM, SIGINT),
      company_(loop_) {
  siblings_.add(*this);
  members_ = std::make_unique<Members>(loop_, machine_, siblings_, life_, nullptr,
                                       members_handlers(), *log_);
  siblings_.start(0, {members_->file()}, life_);
}

void Witness::run() {
  await_signal();
  members_->start();
  if (siblings_.is_later()) members_->join();
  watch_for_company();
  loop_.run();
}

void Witness::await_signal() {
  signals_.async_wait([this](const boost::system::error_code& error, int number) {
    if (error) return;
    log_->info("signal {}", number);
    members_->go_down();
    loop_.stop();
  });
}

Members::Handlers Witness::members_handlers() {
  Members::Handlers handlers;
  handlers.suspend = [] { return true; };  // It has no guest.
  handlers.resume = [] {};
  handlers.left = [] {};
  handlers.give_up = [](const std::string&) {};
  handlers.start_anew = [this] { members_->join(); };
  handlers.replace = [this](CellId cell, int process, bool has_ended) {
    std::vector<GlobalFileNumbers> heritage;
    for (const auto& [owner, files] : files_) {
      heritage.push_back({owner, {}});
      for (const UniqueFd& file : files) heritage.back().files.push_back(file.get());
    }
    replacements_.replace(cell, process, has_ended, heritage);
  };
  handlers.stop_machine = [this](CellId) {
    if (!siblings_.has_any()) loop_.stop();  // Else it ends with the others.
  };
  handlers.tell = [this](const std::string& kind, const std::string& detail) {
    tell(kind, detail);
  };
  handlers.changed = [] {};
  return handlers;
}

void Witness::tell(const std::string& kind, const std::string& detail) {
  log_->info("{}{}{}", kind, detail.empty() ? "" : ": ", detail);
}

bool Witness::on_joined(CellId cell, const mesh::Hello& /*hello*/, std::vector<UniqueFd>& files) {
  gone_down_.erase(cell);
  // The cell's global memory and doorbells come first; the state page is the members'.
  if (files.size() > 1) {
    const auto page = std::prev(files.end());
    files_[cell] = {std::move_iterator(files.begin()), std::move_iterator(page)};
    files.erase(files.begin(), page);
  }
  return true;
}

void Witness::on_packet(CellId cell, const mesh::Packet& packet, std::vector<UniqueFd>& /*files*/) {
  if (std::holds_alternative<mesh::Down>(packet)) gone_down_.insert(cell);
}

void Witness::on_lost(CellId cell) {
  if (siblings_.has_any()) return;
  if (gone_down_.contains(cell)) return loop_.stop();  // And with it the machine.
  watch_for_company();
}

void Witness::watch_for_company() {
  company_.arm(gone_down_.empty() ? kAlone : kLeftAlone, [this] {
    if (siblings_.has_any()) return;
    tell("alone", "no other monitor of the machine is there");
    loop_.stop();
  });
}

}  // namespace hive::control
