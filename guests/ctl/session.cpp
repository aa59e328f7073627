#include "guests/ctl/session.h"

#include "guests/ctl/numbers.h"
#include "vmm/base/units.h"

namespace hive::ctl {

sdk::Result<std::unique_ptr<sdk::Machine>> Session::open(std::uint32_t wanted) const {
  hive_options options{};
  options.function = function.empty() ? nullptr : function.c_str();
  options.mapping = wanted;
  options.flags = flags;
  options.deadline_ms = static_cast<std::uint32_t>(timeout_seconds * 1000);
  return sdk::Machine::open(options, paths_);
}

sdk::Machine& Session::machine() {
  if (!machine_) machine_ = need(open(mapping));
  return *machine_;
}

std::optional<std::string> Session::try_to_map(std::uint32_t wanted) {
  auto opened = open(wanted);
  if (!opened.ok()) return opened.failure().message;
  machine_ = std::move(opened).value();
  return std::nullopt;
}

std::uint32_t Session::cell(const std::string& text) {
  const auto number = parse_number(text);
  if (!number) return need(machine().find_cell(text));
  const std::uint32_t cells = machine().info().cells;
  if (*number >= cells) {
    throw Error("there is no cell " + text + "; the machine has cells 0 to " +
                std::to_string(cells - 1));
  }
  return static_cast<std::uint32_t>(*number);
}

std::string Session::cell_name(std::uint32_t cell) {
  const auto found = machine().cell(cell);
  return found.ok() ? found.value().name : std::to_string(cell);
}

Place Session::place(const std::string& text, Home home) {
  const std::size_t colon = text.find(':');
  const bool named = colon != std::string::npos;
  const std::string section = named ? text.substr(colon + 1) : text;
  std::uint32_t number = machine().info().cell;
  if (named && colon > 0) number = cell(text.substr(0, colon));
  if (named && section.empty()) return {number, std::nullopt, 0, machine().part(number).size};
  if (!named && home == Home::kAny) number = HIVE_ANY_HOME;
  const hive_section found = need(machine().find_section(number, section));
  return {found.home, found, found.first * kPageSize, found.pages * kPageSize};
}

}  // namespace hive::ctl
