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

/// The same of what concerns no sibling.
constexpr std::array<std::pair<const char*, const char*>, 3> kGuestTroubles{{
    {"malformed", "malformed packets of its guest"},
    {"host_expired", "calls with the host that nobody answered"},
    {"host_cut", "programs on the host that did not read to the end"},
}};

template <std::size_t Count>
std::string troubles(const Json& counters,
                     const std::array<std::pair<const char*, const char*>, Count>& kinds) {
  std::string list;
  for (const auto& [name, title] : kinds) {
    const auto count = wire::number_member(counters, name).value_or(0);
    if (count != 0) list += fmt::format("{}{} {}", list.empty() ? "" : ", ", count, title);
  }
  return list;
}

/// Member NAME of OBJECT where it is an object, else an empty one.
Json object_member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_object() ? *found : Json::object();
}

/// What went wrong between CELL's guest, its VMM, its monitor and the host.
std::string own_troubles(const Json& cell) {
  std::string list = troubles(object_member(cell, "guest"), kGuestTroubles);
  const auto count = wire::number_member(cell, "malformed_by_vmm").value_or(0);
  if (count == 0) return list;
  return list + fmt::format("{}{} malformed packets of its VMM", list.empty() ? "" : ", ", count);
}

std::string life(const Json& peer) {
  const std::string state = wire::text_member(peer, "state");
  if (state != "joined") return "monitor " + state;
  return flag(peer, "up") ? "up" : "down";
}

/// What a packet took to come in, in microseconds.
std::string mean_delay(const Json& counters) {
  const auto packets = wire::number_member(counters, "packets_in").value_or(0);
  const auto delay = wire::number_member(counters, "delay_us").value_or(-1);
  return packets <= 0 || delay < 0 ? "-" : std::to_string(delay / packets);
}

/// The pair of CELL and PEER, as CELL's monitor tells of it.
TableRow row_of(const Json& cell, const Json& peer) {
  const Json counters = object_member(peer, "counters");
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
          mean_delay(counters),
          troubles(counters, kTroubles)};
}

}  // namespace

std::string format_rpc(const Json& machine) {
  std::string text = wire::text_member(machine, "machine") + "\n";
  std::vector<TableRow> rows{{"cell", "peer", "cid", "peer is", "may call", "open", "packets out",
                              "bytes out", "packets in", "bytes in", "mean us", "trouble"}};
  std::string problems;
  for (const Json& cell : machine["cells"]) {
    const std::string name = wire::text_member(cell, "cell");
    if (cell.contains("problem")) {
      problems += fmt::format("  {}: {}\n", name, wire::text_member(cell, "problem"));
      continue;
    }
    if (!flag(cell, "answered")) problems += fmt::format("  {}: its VMM does not answer\n", name);
    const std::string own = own_troubles(cell);
    if (!own.empty()) problems += fmt::format("  {}: {}\n", name, own);
    const auto peers = cell.find("peers");
    if (peers == cell.end() || !peers->is_array()) continue;
    for (const Json& peer : *peers) rows.push_back(row_of(cell, peer));
  }
  if (rows.size() > 1) text += format_table(rows, "llrllrrrrrrl");
  return text + problems;
}

}  // namespace hive::cli
