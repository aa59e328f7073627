#include "vmm/plan/json.h"

#include <fmt/format.h>

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <utility>

#include "policy/policy.h"
#include "vmm/base/error.h"
#include "vmm/base/units.h"
#include "vmm/plan/limits.h"
#include "vmm/plan/text.h"
#include "vmm/plan/words.h"

namespace hive::plan {
namespace {

using Json = nlohmann::json;

[[noreturn]] void refuse(const std::string& what) {
  throw Error("plan: " + what + "; start the machine anew with 'hive up'", Error::Kind::kUsage);
}

/// One object of the plan, with exactly the given keys.
class Object {
 public:
  Object(const Json& json, std::string where, std::initializer_list<const char*> keys)
      : json_(json), where_(std::move(where)) {
    if (!json.is_object()) refuse(where_ + " is not an object");
    for (const char* key : keys) {
      if (!json.contains(key)) refuse(fmt::format("{} lacks '{}'", where_, key));
    }
    for (const auto& [name, value] : json.items()) {
      bool known = false;
      for (const char* key : keys) known = known || name == key;
      if (!known) refuse(fmt::format("{} has an unknown key {}", where_, quote(name)));
    }
  }

  [[nodiscard]] std::string text(const char* key) const {
    if (!json_[key].is_string()) refuse_value(key);
    auto value = json_[key].get<std::string>();
    if (!is_clean(value)) refuse_value(key);
    return value;
  }

  [[nodiscard]] std::string name(const char* key) const {
    std::string value = text(key);
    if (!is_name(value)) refuse_value(key);
    return value;
  }

  /// An absolute path.
  [[nodiscard]] std::string path(const char* key) const {
    std::string value = text(key);
    if (value.empty() || value.front() != '/' || value.size() > kMaxPathLength) refuse_value(key);
    return value;
  }

  /// What the word at KEY stands for.
  template <typename T, std::size_t kCount>
  [[nodiscard]] T word(const char* key, const Words<T, kCount>& words) const {
    const std::string value = text(key);
    for (const auto& [word, meaning] : words) {
      if (value == word) return meaning;
    }
    refuse_value(key);
  }

  [[nodiscard]] bool flag(const char* key) const {
    if (!json_[key].is_boolean()) refuse_value(key);
    return json_[key].get<bool>();
  }

  [[nodiscard]] std::uint64_t number(const char* key, std::uint64_t least,
                                     std::uint64_t most) const {
    return checked_number(json_[key], key, least, most);
  }

  /// An array of LEAST to MOST elements.
  [[nodiscard]] const Json& array(const char* key, std::size_t least, std::size_t most) const {
    const Json& value = json_[key];
    if (!value.is_array() || value.size() < least || value.size() > most) refuse_value(key);
    return value;
  }

  [[nodiscard]] std::uint64_t checked_number(const Json& value, const char* key,
                                             std::uint64_t least, std::uint64_t most) const {
    if (!value.is_number_unsigned()) refuse_value(key);
    const auto number = value.get<std::uint64_t>();
    if (number < least || number > most) refuse_value(key);
    return number;
  }

  [[noreturn]] void refuse_value(const char* key) const {
    refuse(fmt::format("{} has an unusable '{}'", where_, key));
  }

 private:
  const Json& json_;
  std::string where_;
};

Disk parse_disk(const Json& json, const std::string& where) {
  const Object object(json, where, {"path", "read_only"});
  return {object.path("path"), object.flag("read_only")};
}

VsockPort parse_port(const Json& json, const std::string& where) {
  const Object object(json, where, {"port", "caller", "path"});
  VsockPort port;
  port.port = static_cast<std::uint32_t>(object.number("port", 1, kMaxPort));
  port.caller = object.word("caller", kCallerWords);
  port.path = object.path("path");
  if (port.path.size() > kMaxSocketPath) object.refuse_value("path");
  return port;
}

Cell parse_cell(const Json& json, std::size_t place) {
  const std::string where = fmt::format("cell {}", place);
  const Object object(
      json, where,
      {"name",       "vcpus",    "host_cpus", "memory", "huge_pages", "shared",     "cid",
       "kernel",     "initrd",   "cmdline",   "disks",  "agent",      "vsock",      "crash_dump",
       "on_failure", "watchdog", "reserve",   "policy", "spare",      "cpu_weight", "hosted"});
  Cell cell;
  cell.id = static_cast<CellId>(place);
  cell.name = object.name("name");
  cell.vcpus = static_cast<unsigned>(object.number("vcpus", 1, kMaxVcpus));
  for (const Json& cpu : object.array("host_cpus", 0, kMaxVcpus)) {
    cell.host_cpus.push_back(
        static_cast<unsigned>(object.checked_number(cpu, "host_cpus", 0, kMaxHostCpu)));
  }
  if (!cell.host_cpus.empty() && cell.host_cpus.size() != cell.vcpus) {
    object.refuse_value("host_cpus");
  }
  cell.policy = object.text("policy");
  if (cell.is_policy() && policy::find(cell.policy) == nullptr) object.refuse_value("policy");
  cell.memory = object.number("memory", cell.is_policy() ? kPolicyMemory : kMinMemory, UINT64_MAX);
  if (cell.memory % kMemoryStep != 0) object.refuse_value("memory");
  cell.reserve = object.number("reserve", 0, cell.memory);
  if (cell.reserve % kMemoryStep != 0) object.refuse_value("reserve");
  cell.huge_pages = object.word("huge_pages", kHugePagesWords);
  cell.spare = object.number("spare", 0, kMaxSpare);
  const bool can_be_lent = cell.spare == 0 || cell.huge_pages != HugePages::kReserved;
  if (cell.spare % kMemoryStep != 0 || !can_be_lent) object.refuse_value("spare");
  cell.shared = object.number("shared", 0, kMaxShared);
  if (cell.shared % kMemoryStep != 0) object.refuse_value("shared");
  cell.hosted = object.number("hosted", 0, cell.shared);
  if (cell.hosted % kPageSize != 0) object.refuse_value("hosted");
  cell.cid = static_cast<Cid>(object.number("cid", kFirstCellCid, kMaxCid));
  cell.kernel = object.path("kernel");
  if (!object.text("initrd").empty()) cell.initrd = object.path("initrd");
  cell.cmdline = object.text("cmdline");
  if (cell.cmdline.size() > kMaxCmdlineLength) object.refuse_value("cmdline");
  for (const Json& disk : object.array("disks", 0, kMaxDisks)) {
    cell.disks.push_back(parse_disk(disk, fmt::format("disk {} of {}", cell.disks.size(), where)));
  }
  cell.agent = object.flag("agent");
  if (!object.text("crash_dump").empty()) cell.crash_dump = object.path("crash_dump");
  cell.on_failure = object.word("on_failure", kOnFailureWords);
  cell.watchdog = static_cast<std::uint32_t>(object.number("watchdog", 0, kMaxWatchdog));
  if (cell.watchdog != 0 && cell.watchdog < kMinWatchdog) object.refuse_value("watchdog");
  cell.cpu_weight =
      static_cast<std::uint32_t>(object.number("cpu_weight", kMinCpuWeight, kMaxCpuWeight));
  for (const Json& port : object.array("vsock", 0, kMaxPorts)) {
    cell.vsock.push_back(parse_port(port, fmt::format("port {} of {}", cell.vsock.size(), where)));
  }
  return cell;
}

Rpc parse_rpc(const Json& json, std::size_t cells) {
  const Object object(json, "rpc", {"calls", "packets_per_second"});
  Rpc rpc;
  rpc.packets_per_second = static_cast<std::uint32_t>(
      object.number("packets_per_second", kMinPacketRate, kMaxPacketRate));
  if (json["calls"].is_null()) return rpc;
  rpc.calls.emplace();
  for (const Json& each : object.array("calls", 0, kMaxCells)) {
    const Object entry(each, fmt::format("entry {} of calls", rpc.calls->size()), {"from", "to"});
    Calls& calls = rpc.calls->emplace_back();
    calls.from = static_cast<CellId>(entry.number("from", 0, cells - 1));
    for (const Json& to : entry.array("to", 0, kMaxCells)) {
      calls.to.push_back(static_cast<CellId>(entry.checked_number(to, "to", 0, cells - 1)));
    }
  }
  return rpc;
}

template <typename T, std::size_t kCount>
std::string_view word_for(T meaning, const Words<T, kCount>& words) {
  for (const auto& [word, candidate] : words) {
    if (candidate == meaning) return word;
  }
  return "";
}

Json cell_json(const Cell& cell) {
  Json disks = Json::array();
  for (const Disk& disk : cell.disks) {
    disks.push_back({{"path", disk.path}, {"read_only", disk.read_only}});
  }
  Json ports = Json::array();
  for (const VsockPort& port : cell.vsock) {
    ports.push_back({{"port", port.port},
                     {"caller", word_for(port.caller, kCallerWords)},
                     {"path", port.path}});
  }
  return {{"name", cell.name},
          {"vcpus", cell.vcpus},
          {"host_cpus", cell.host_cpus},
          {"memory", cell.memory},
          {"spare", cell.spare},
          {"cid", cell.cid},
          {"huge_pages", word_for(cell.huge_pages, kHugePagesWords)},
          {"shared", cell.shared},
          {"kernel", cell.kernel},
          {"initrd", cell.initrd},
          {"cmdline", cell.cmdline},
          {"disks", std::move(disks)},
          {"agent", cell.agent},
          {"vsock", std::move(ports)},
          {"crash_dump", cell.crash_dump},
          {"on_failure", word_for(cell.on_failure, kOnFailureWords)},
          {"watchdog", cell.watchdog},
          {"reserve", cell.reserve},
          {"policy", cell.policy},
          {"hosted", cell.hosted},
          {"cpu_weight", cell.cpu_weight}};
}

Json rpc_json(const Rpc& rpc) {
  Json calls;
  if (rpc.calls) {
    calls = Json::array();
    for (const Calls& each : *rpc.calls) {
      calls.push_back({{"from", each.from}, {"to", each.to}});
    }
  }
  return {{"calls", std::move(calls)}, {"packets_per_second", rpc.packets_per_second}};
}

}  // namespace

std::string to_json(const Machine& machine) {
  Json cells = Json::array();
  for (const Cell& cell : machine.cells) cells.push_back(cell_json(cell));
  return Json{{"name", machine.name},
              {"cells", std::move(cells)},
              {"on_violation", word_for(machine.on_violation, kOnViolationWords)},
              {"discard", word_for(machine.discard, kDiscardWords)},
              {"rpc", rpc_json(machine.rpc)},
              {"faults", machine.faults},
              {"witness", machine.witness}}
      .dump();
}

Machine parse_machine(std::string_view json) {
  const Json root = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (root.is_discarded()) refuse("not JSON");
  const Object object(root, "the machine",
                      {"name", "cells", "on_violation", "discard", "rpc", "faults", "witness"});
  Machine machine;
  machine.name = object.name("name");
  std::uint64_t shared = 0;
  for (const Json& cell : object.array("cells", 1, kMaxCells)) {
    machine.cells.push_back(parse_cell(cell, machine.cells.size()));
    shared += machine.cells.back().shared;
  }
  if (shared > kMaxShared) refuse("the cells contribute too much global memory");
  machine.on_violation = object.word("on_violation", kOnViolationWords);
  machine.discard = object.word("discard", kDiscardWords);
  machine.rpc = parse_rpc(root["rpc"], machine.cells.size());
  machine.faults = object.flag("faults");
  machine.witness = object.flag("witness");
  if (machine.witness && machine.cells.size() == kMaxCells) refuse("too many cells for a witness");
  return machine;
}

}  // namespace hive::plan
