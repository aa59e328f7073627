#include "cellmon/control/replacements.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <exception>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "cellmon/wire/cell_address.h"
#include "cellmon/wire/monitor_process.h"
#include "cellmon/wire/text.h"
#include "vmm/base/monotonic.h"
#include "vmm/base/watch.h"
#include "vmm/plan/limits.h"

namespace hive::control {
namespace {

constexpr std::size_t kMaxAnswer = 4096;

/// Whoever is the monitor of ADDRESS, by the name that it is found at.
void kill_holder(const wire::CellAddress& address) {
  if (address.cell == plan::kWitnessName) {  // It has no control socket.
    return wire::kill_monitor(wire::mesh_socket_name(address), SOCK_SEQPACKET);
  }
  wire::kill_monitor(wire::socket_name(address), SOCK_STREAM);
}

}  // namespace

Replacements::Replacements(boost::asio::io_context& loop, const plan::Machine& machine, Start start,
                           OnFailure on_failure, Tell tell)
    : loop_(loop),
      machine_(machine),
      start_(std::move(start)),
      on_failure_(std::move(on_failure)),
      tell_(std::move(tell)) {}

std::string Replacements::name_of(CellId cell) const {
  const auto index = static_cast<std::size_t>(cell);
  return index < machine_.cells.size() ? machine_.cells[index].name
                                       : std::string(plan::kWitnessName);
}

void Replacements::replace(CellId cell, int process, bool has_ended,
                           const std::vector<GlobalFileNumbers>& files) {
  if (!start_) return give_up(cell, "this monitor cannot start another one");
  try {
    wire::kill_process(process);
    const unsigned before = started_[cell]++;
    if (!has_ended || before > 0) kill_holder({::geteuid(), machine_.name, name_of(cell)});
    const UniqueFd heritage = leave_heritage(files);
    await_ready(cell, start_({static_cast<unsigned>(cell), agree::Life{monotonic_now()},
                              files.empty() ? -1 : heritage.get()}));
  } catch (const std::exception& error) {
    give_up(cell, error.what());
  }
}

void Replacements::give_up(CellId cell, const std::string& why) {
  tell_("not-restarted",
        fmt::format("{}: no monitor could be started in place of the one that ended or does not "
                    "answer: {}",
                    name_of(cell), why));
  on_failure_(cell);
}

void Replacements::await_ready(CellId cell, UniqueFd ready) {
  starting_.erase(cell);
  Pipe& pipe = starting_.emplace(cell, watch(loop_, std::move(ready))).first->second;
  pipe.async_wait(Pipe::wait_read, [this, cell](const auto& error) {
    if (!error) take_answer(cell);
  });
}

void Replacements::take_answer(CellId cell) {
  std::array<char, kMaxAnswer> buffer;
  const ssize_t size = ::read(starting_.at(cell).native_handle(), buffer.data(), buffer.size());
  starting_.erase(cell);
  if (size <= 0) return give_up(cell, "it ended as it started");
  const std::string_view text(buffer.data(), static_cast<std::size_t>(size));
  const auto answer = nlohmann::json::parse(text, nullptr, false);
  if (!answer.is_object() || answer.value("ready", false) != true) {
    const bool says_why = answer.is_object() && answer.contains("error");
    return give_up(cell, says_why ? wire::printable(answer["error"].dump(), kMaxAnswer) : "broken");
  }
  tell_("replaced", fmt::format("{}: its monitor has ended or does not answer; process {} is its "
                                "monitor now",
                                name_of(cell), answer.value("pid", 0)));
}

}  // namespace hive::control
