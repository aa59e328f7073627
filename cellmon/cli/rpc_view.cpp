#include "cellmon/cli/rpc_view.h"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "cellmon/cli/table.h"

namespace hive::cli {
namespace {

/// Counters that are 0 as long as all goes well, and how to call them.
constexpr std::array<std::pair<const char*, const char*>, 8> kTroubles{{
    {"malformed", "malformed"},
    {"stale", "stale"},
    {"refused", "refused"},
    {"over_credit", "over credit"},
    {"overflows", "overflows"},
    {"throttled", "throttled"},
    {"resets", "resets"},
    {"faults", "faults"},
}};

bool flag(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

std::string number(const Json& object, const char* name) {
  const auto value = wire::number_member(object, name);
  return value ? std::to_string(*value) : "-";
}

std::string troubles(const Json& counters) {
  std::string list;
  for (const auto& [name, title] : kTroubles) {
    const auto count = wire::number_member(counters, name).value_or(0);
    if (count != 0) list += fmt::format("{}{} {}", list.empty() ? "" : ", ", count, title);
  }
  return list;
}

std::string life(const Json& peer) {
  const std::string state = wire::text_member(peer, "state");
  if (state != "joined") return "monitor " + state;
  return flag(peer, "up") ? "up" : "down";
}

/// The pair of CELL and PEER, as CELL's monitor tells of it.
TableRow row_of(const Json& cell, const Json& peer) {
  const Json none = Json::object();
  const auto found = peer.find("counters");
  const Json& counters = found != peer.end() && found->is_object() ? *found : none;
  return {wire::text_member(cell, "cell"),
          wire::text_member(peer, "cell"),
          number(peer, "cid"),
          life(peer),
          flag(peer, "may_call") ? "yes" : "no",
          number(counters, "connections"),
          number(counters, "packets_out"),
          number(counters, "bytes_out"),
          number(counters, "packets_in"),
          number(counters, "bytes_in"),
          troubles(counters)};
}

}  // namespace

std::string format_rpc(const Json& machine) {
  std::string text = wire::text_member(machine, "machine") + "\n";
  std::vector<TableRow> rows{{"cell", "peer", "cid", "peer is", "may call", "open", "packets out",
                              "bytes out", "packets in", "bytes in", "trouble"}};
  std::string problems;
  for (const Json& cell : machine["cells"]) {
    const std::string name = wire::text_member(cell, "cell");
    if (cell.contains("problem")) {
      problems += fmt::format("  {}: {}\n", name, wire::text_member(cell, "problem"));
      continue;
    }
    if (!flag(cell, "answered")) problems += fmt::format("  {}: its VMM does not answer\n", name);
    const auto peers = cell.find("peers");
    if (peers == cell.end() || !peers->is_array()) continue;
    for (const Json& peer : *peers) rows.push_back(row_of(cell, peer));
  }
  if (rows.size() > 1) text += format_table(rows, "llrllrrrrrl");
  return text + problems;
}

}  // namespace hive::cli
