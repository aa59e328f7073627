// The methods about a cell's memory and CPU time, global memory and its firewall.
#include <fmt/format.h>

#include <string_view>

#include "cellmon/control/memory_report.h"
#include "cellmon/control/methods.h"
#include "cellmon/control/rights.h"
#include "cellmon/wire/line_buffer.h"
#include "cellmon/wire/text.h"

namespace hive::control {
namespace {

using wire::Json;

/// A right takes at most 128 bytes of a line.
constexpr std::size_t kMaxRights = kMaxListBytes / 128;
constexpr std::size_t kMaxName = 64;
/// Of bytes that a guest is to have: as before.
constexpr std::uint64_t kUnasked = ~std::uint64_t{0};

constexpr const char* kNoGlobalMemory =
    "no cell of the machine contributes memory; give a cell `shared: SIZE` in the plan";

std::string names_of_homes(const GlobalMemory& global) {
  std::string names;
  for (std::size_t cell = 0; cell < global.names().size(); ++cell) {
    if (global.sizes()[cell] > 0) names += (names.empty() ? "" : ", ") + global.names()[cell];
  }
  return names;
}

}  // namespace

GlobalMemory* Methods::home_of(Call& call) {
  GlobalMemory* global = monitor_.global();
  if (global == nullptr) {
    refuse(call, kNoGlobalMemory);
    return nullptr;
  }
  if (global->is_home()) return global;
  refuse(call, fmt::format("cell {} contributes no memory; ask one that does ({}), or give it "
                           "`shared: SIZE` in the plan",
                           global->names()[global->own()], names_of_homes(*global)));
  return nullptr;
}

std::optional<CellId> Methods::find_cell(Call& call, const GlobalMemory& global,
                                         const std::string& name) {
  std::string names;
  for (std::size_t cell = 0; cell < global.names().size(); ++cell) {
    if (global.names()[cell] == name) return static_cast<CellId>(cell);
    names += (names.empty() ? "" : ", ") + global.names()[cell];
  }
  refuse(call, fmt::format("the machine has no cell \"{}\"; its cells are {}",
                           wire::printable(name, kMaxName), names));
  return std::nullopt;
}

std::optional<firewall::Section> Methods::find_section(Call& call, const GlobalMemory& global,
                                                       const std::string& name) {
  const auto section = global.gatekeeper().sections().find(name);
  if (!section) {
    refuse(call, fmt::format("cell {} has no section \"{}\"; `hive memory` lists its sections",
                             global.names()[global.own()], wire::printable(name, kMaxName)));
  }
  return section;
}

void Methods::memory(Call& call) {
  const std::uint64_t first = call.params.number("first", 0, kAnyNumber);
  if (!check(call)) return;
  const GlobalMemory* global = monitor_.global();
  if (global == nullptr) return refuse(call, kNoGlobalMemory);
  reply(call, describe_memory(*global, first, kMaxListBytes));
}

void Methods::move_section(Call& call) {
  const std::string name = call.params.required_text("section");
  const std::string to = call.params.required_text("to");
  if (!check(call)) return;
  const GlobalMemory* global = home_of(call);
  if (global == nullptr) return;
  const auto home = find_cell(call, *global, to);
  if (!home) return;
  const auto section = find_section(call, *global, name);
  if (!section) return;
  Mover& mover = *monitor_.mover();
  const std::uint64_t before = mover.ends();
  const auto refusal = mover.move(static_cast<std::uint32_t>(section->id), *home);
  if (refusal) return refuse(call, refusal->text);
  wait(call, [this, before]() -> std::optional<Answer> {
    const Mover& moves = *monitor_.mover();
    if (moves.ends() == before) return std::nullopt;
    const placement::MoveEnd& end = moves.last_end();
    if (!end.moved) return Answer{{}, "section " + end.name + " does not move: " + end.why};
    return Answer{{{"home", monitor_.global()->names()[static_cast<std::size_t>(end.to)]},
                   {"trouble", end.why}},
                  {}};
  });
}

void Methods::balloon(Call& call) {
  const std::uint64_t bytes = call.params.number("bytes", kUnasked, kUnasked - 1);
  if (!check(call)) return;
  const std::string refusal = bytes == kUnasked ? std::string() : monitor_.set_balloon(bytes);
  if (!refusal.empty()) return refuse(call, refusal);
  reply(call, {{"target", monitor_.balloon().target()}, {"given", monitor_.ballooned()}});
}

void Methods::plug(Call& call) {
  const std::uint64_t bytes = call.params.number("bytes", kUnasked, kUnasked - 1);
  if (!check(call)) return;
  const std::string refusal = bytes == kUnasked ? std::string() : monitor_.set_spare(bytes);
  if (!refusal.empty()) return refuse(call, refusal);
  reply(call, {{"target", monitor_.spare().target()},
               {"plugged", monitor_.plugged()},
               {"most", monitor_.spare().most()}});
}

void Methods::weight(Call& call) {
  const std::uint64_t weight = call.params.number("weight", kUnasked, plan::kMaxCpuWeight);
  if (!check(call)) return;
  const std::string refusal = weight == kUnasked
                                  ? std::string()
                                  : monitor_.set_cpu_weight(static_cast<std::uint32_t>(weight));
  if (!refusal.empty()) return refuse(call, refusal);
  reply(call, to_json(monitor_.cpu().status()));
}

void Methods::list_rights(Call& call) {
  const auto cell = call.params.optional_text("cell");
  const auto section = call.params.optional_text("section");
  RightsQuery query;
  query.only_written = call.params.boolean("written", false);
  query.from = call.params.number("from", 0, kAnyNumber);
  if (!check(call)) return;
  const GlobalMemory* global = home_of(call);
  if (global == nullptr) return;
  if (cell) {
    query.cell = find_cell(call, *global, *cell);
    if (!query.cell) return;
  }
  query.within = global->gatekeeper().ledger().all();
  if (section) {
    const auto found = find_section(call, *global, *section);
    if (!found) return;
    query.within = found->range;
  }
  const RightsPart part = control::list_rights(global->gatekeeper().ledger(), query, kMaxRights);
  reply(call, describe_rights(part, global->names(), query.within.first));
}

void Methods::grant(Call& call) { change_rights(call, HIVE_GLOBAL_GRANT); }

void Methods::revoke(Call& call) { change_rights(call, HIVE_GLOBAL_REVOKE); }

void Methods::change_rights(Call& call, hive_global_operation operation) {
  const std::string cell = call.params.required_text("cell");
  const auto section = call.params.optional_text("section");
  hive_global_request request{};
  request.operation = operation;
  request.first = call.params.required_number("first", kAnyNumber);
  request.pages = call.params.number("pages", 1, kAnyNumber);
  request.stride = call.params.number("stride", request.pages, kAnyNumber);
  request.runs = call.params.number("runs", 1, kAnyNumber);
  if (!check(call)) return;
  GlobalMemory* global = home_of(call);
  if (global == nullptr) return;
  const auto number = find_cell(call, *global, cell);
  if (!number) return;
  request.cell = static_cast<std::uint32_t>(*number);
  if (section) {
    const auto found = find_section(call, *global, *section);
    if (!found) return;
    request.section = static_cast<std::uint32_t>(found->id);
  }
  const hive_global_reply answer = global->decide(request);
  if (answer.status != HIVE_GLOBAL_OK) return refuse(call, answer.message);
  reply(call, {{"changed", answer.pages}});
}

}  // namespace hive::control
