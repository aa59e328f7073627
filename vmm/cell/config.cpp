#include "vmm/cell/config.h"

#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "guests/abi/global_memory.h"
#include "vmm/base/error.h"
#include "vmm/base/units.h"

namespace hive::cell {
namespace {

using Json = nlohmann::json;
using memory::Backing;

/// The words that a key's value may be, and what each means.
template <typename Value, std::size_t kCount>
using Names = std::array<std::pair<std::string_view, Value>, kCount>;

constexpr Names<Backing, 3> kBackings{{{"small-pages", Backing::kSmallPages},
                                       {"automatic", Backing::kAutomatic},
                                       {"huge-pages", Backing::kHugePages}}};

constexpr Names<OnViolation, 3> kViolationAnswers{{{"fault", OnViolation::kFault},
                                                   {"stop", OnViolation::kStop},
                                                   {"ignore", OnViolation::kIgnore}}};

/// What a guest with 46 bits of physical addresses has room for beside its RAM.
constexpr std::uint64_t kMaxGlobalMemory = 16ULL << 40;

[[noreturn]] void refuse(const std::string& what) {
  throw Error("cell configuration: " + what, Error::Kind::kUsage);
}

/// "a, b or c".
template <typename Value, std::size_t kCount>
std::string listing(const Names<Value, kCount>& names) {
  std::string text;
  for (std::size_t i = 0; i < kCount; ++i) {
    if (i > 0) text += i + 1 < kCount ? ", " : " or ";
    text += names[i].first;
  }
  return text;
}

template <typename Value, std::size_t kCount>
std::string_view name_of(const Names<Value, kCount>& names, Value wanted) {
  for (const auto& [name, value] : names) {
    if (value == wanted) return name;
  }
  return names.front().first;
}

/// Takes the members of one JSON object by name, and knows which were not asked for.
class Members {
 public:
  Members(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) refuse(where_ + "not an object");
  }

  void take(const char* key, std::string& out, bool required) {
    const Json* value = find(key, required);
    if (value == nullptr) return;
    if (!value->is_string()) refuse_type(key, "a string");
    out = value->get<std::string>();
  }

  void take(const char* key, bool& out) {
    const Json* value = find(key, false);
    if (value == nullptr) return;
    if (!value->is_boolean()) refuse_type(key, "true or false");
    out = value->get<bool>();
  }

  template <typename Value, std::size_t kCount>
  void take_name(const char* key, const Names<Value, kCount>& names, Value& out) {
    std::string text(name_of(names, out));
    take(key, text, false);
    for (const auto& [name, value] : names) {
      if (text == name) {
        out = value;
        return;
      }
    }
    refuse_named(key, text, listing(names));
  }

  template <typename Number>
  void take_number(const char* key, Number& out, bool required) {
    if (const Json* value = find(key, required)) out = number<Number>(*value, key);
  }

  /// A descriptor number: an integer from -1 up.
  void take_fd(const char* key, int& out) {
    const Json* value = find(key, false);
    if (value == nullptr) return;
    if (value->is_number_integer() && *value == -1) {
      out = -1;
    } else {
      out = number<int>(*value, key);
    }
  }

  /// Calls EACH with every element of array KEY.
  template <typename Each>
  void take_array(const char* key, Each each) {
    const Json* value = find(key, false);
    if (value == nullptr) return;
    if (!value->is_array()) refuse_type(key, "an array");
    for (const Json& element : *value) each(element);
  }

  /// Calls TAKE with object KEY where there is one.
  template <typename Take>
  void take_object(const char* key, Take take) {
    if (const Json* value = find(key, false)) take(*value);
  }

  /// VALUE as an unsigned Number, in its range.
  template <typename Number>
  Number number(const Json& value, const char* key) const {
    constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<Number>::max());
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kMax) {
      refuse_type(key, "a whole number of at most " + std::to_string(kMax));
    }
    return static_cast<Number>(value.get<std::uint64_t>());
  }

  [[noreturn]] void refuse_named(const std::string& key, const std::string& text,
                                 const std::string& wanted) const {
    refuse("\"" + where_ + key + "\" is \"" + text + "\", not " + wanted);
  }

  [[noreturn]] void refuse_type(const std::string& key, const std::string& wanted) const {
    refuse("\"" + where_ + key + "\" is not " + wanted);
  }

  void refuse_unknown() const {
    for (const auto& [key, value] : object_.items()) {
      if (!known_.contains(key)) refuse("unknown key \"" + where_ + key + "\"");
    }
  }

 private:
  const Json* find(const char* key, bool required) {
    known_.insert(key);
    const auto found = object_.find(key);
    if (found != object_.end()) return &*found;
    if (required) refuse("\"" + where_ + key + "\" is missing");
    return nullptr;
  }

  const Json& object_;
  std::string where_;
  std::set<std::string, std::less<>> known_;
};

DiskConfig parse_disk(const Json& json) {
  Members members(json, "disks.");
  DiskConfig disk;
  members.take("path", disk.path, true);
  members.take("read_only", disk.read_only);
  members.refuse_unknown();
  return disk;
}

Contribution parse_contribution(const Json& json) {
  Members members(json, "global.contributions.");
  Contribution contribution;
  members.take_fd("file", contribution.file);
  members.take_number("size", contribution.size, true);
  members.take_array("doorbells", [&](const Json& doorbell) {
    contribution.doorbells.push_back(members.number<int>(doorbell, "doorbells"));
  });
  members.refuse_unknown();
  return contribution;
}

GlobalConfig parse_global(const Json& json) {
  Members members(json, "global.");
  GlobalConfig global;
  members.take_number("own", global.own, true);
  members.take_array("contributions", [&](const Json& contribution) {
    global.contributions.push_back(parse_contribution(contribution));
  });
  members.take_name("on_violation", kViolationAnswers, global.on_violation);
  members.take_number("closed", global.closed, false);
  members.take_fd("link", global.link);
  members.refuse_unknown();
  return global;
}

Json json_of(const GlobalConfig& global) {
  Json contributions = Json::array();
  for (const Contribution& each : global.contributions) {
    contributions.push_back(
        {{"file", each.file}, {"size", each.size}, {"doorbells", each.doorbells}});
  }
  return {{"own", global.own},
          {"closed", global.closed},
          {"contributions", std::move(contributions)},
          {"link", global.link},
          {"on_violation", name_of(kViolationAnswers, global.on_violation)}};
}

RingConfig parse_ring(const Json& json) {
  Members members(json, "vsock.peers.ring.");
  RingConfig ring;
  members.take_fd("file", ring.file);
  members.take_fd("data", ring.data);
  members.take_fd("space", ring.space);
  members.refuse_unknown();
  return ring;
}

VsockPeerConfig parse_vsock_peer(const Json& json) {
  Members members(json, "vsock.peers.");
  VsockPeerConfig peer;
  members.take_number("cell", peer.cell, true);
  members.take("name", peer.name, true);
  members.take_number("cid", peer.cid, true);
  members.take("may_call", peer.may_call);
  members.take("may_be_called", peer.may_be_called);
  members.take_object("out", [&](const Json& ring) { peer.out = parse_ring(ring); });
  members.take_object("in", [&](const Json& ring) { peer.in = parse_ring(ring); });
  members.refuse_unknown();
  return peer;
}

VsockConfig parse_vsock(const Json& json) {
  Members members(json, "vsock.");
  VsockConfig vsock;
  members.take_number("own", vsock.own, true);
  members.take_number("cid", vsock.cid, true);
  members.take_number("packets_per_second", vsock.packets_per_second, false);
  members.take_array("peers",
                     [&](const Json& peer) { vsock.peers.push_back(parse_vsock_peer(peer)); });
  members.take_fd("link", vsock.link);
  members.refuse_unknown();
  return vsock;
}

Json json_of(const RingConfig& ring) {
  return {{"file", ring.file}, {"data", ring.data}, {"space", ring.space}};
}

Json json_of(const VsockConfig& vsock) {
  Json peers = Json::array();
  for (const VsockPeerConfig& each : vsock.peers) {
    peers.push_back({{"cell", each.cell},
                     {"name", each.name},
                     {"cid", each.cid},
                     {"may_call", each.may_call},
                     {"may_be_called", each.may_be_called},
                     {"out", json_of(each.out)},
                     {"in", json_of(each.in)}});
  }
  return {{"own", vsock.own},
          {"cid", vsock.cid},
          {"packets_per_second", vsock.packets_per_second},
          {"peers", std::move(peers)},
          {"link", vsock.link}};
}

void check(const VsockConfig& vsock) {
  if (vsock.own >= kMaxCells) refuse("\"vsock.own\" is not the number of a cell");
  std::set<unsigned> cells{vsock.own};
  std::set<Cid> cids{vsock.cid};
  if (vsock.cid < kFirstCellCid) refuse("\"vsock.cid\" is a reserved one");
  for (const VsockPeerConfig& peer : vsock.peers) {
    if (peer.cell >= kMaxCells || !cells.insert(peer.cell).second) {
      refuse("\"vsock.peers.cell\" is not the number of another cell, or comes twice");
    }
    if (peer.cid < kFirstCellCid || !cids.insert(peer.cid).second) {
      refuse("\"vsock.peers.cid\" is a reserved one, or comes twice");
    }
    for (const RingConfig* ring : {&peer.out, &peer.in}) {
      if (ring->file < 0 || ring->data < 0 || ring->space < 0) {
        refuse("\"vsock.peers\" has a ring with a descriptor missing");
      }
    }
  }
}

void check(const GlobalConfig& global) {
  if (global.contributions.size() > kMaxCells) {
    refuse("\"global.contributions\" are more than " + std::to_string(kMaxCells));
  }
  if (global.own >= global.contributions.size()) {
    refuse("\"global.own\" is not the index of a contribution");
  }
  std::uint64_t total = 0;
  for (const Contribution& each : global.contributions) {
    if (!is_aligned(each.size, kHugePageSize) || each.size > kMaxGlobalMemory) {
      refuse("\"global.contributions.size\" is not a multiple of 2 MiB of at most 16 TiB");
    }
    if ((each.size != 0) != (each.file >= 0)) {
      refuse("\"global.contributions.file\" is not given exactly where there is a size");
    }
    if (!each.doorbells.empty() && each.doorbells.size() != HIVE_GLOBAL_VECTORS) {
      refuse("\"global.contributions.doorbells\" are neither none nor " +
             std::to_string(HIVE_GLOBAL_VECTORS));
    }
    total += each.size;
  }
  if (total == 0 || total > kMaxGlobalMemory) {
    refuse("\"global.contributions\" come to nothing, or to more than 16 TiB");
  }
}

/// What no type says. The plan has checked it already; a configuration file has not.
void check(const CellConfig& config) {
  constexpr unsigned kMaxVcpus = 64;
  if (config.vcpus < 1 || config.vcpus > kMaxVcpus) refuse("\"vcpus\" is not 1 to 64");
  if (!config.host_cpus.empty() && config.host_cpus.size() != config.vcpus) {
    refuse("\"host_cpus\" does not name one CPU for each vCPU");
  }
  if (config.memory == 0 || !is_aligned(config.memory, kHugePageSize)) {
    refuse("\"memory\" is not a multiple of 2 MiB");
  }
  if (config.global) check(*config.global);
  if (config.vsock) check(*config.vsock);
}

}  // namespace

CellConfig parse_config(const std::string& json) {
  const Json root = Json::parse(json, nullptr, false);
  if (root.is_discarded()) refuse("not JSON");
  Members members(root, "");
  CellConfig config;
  members.take("name", config.name, true);
  members.take_number("incarnation", config.incarnation, false);
  members.take_number("vcpus", config.vcpus, true);
  members.take_array("host_cpus", [&](const Json& cpu) {
    config.host_cpus.push_back(members.number<unsigned>(cpu, "host_cpus"));
  });
  members.take_number("memory", config.memory, true);
  members.take_name("backing", kBackings, config.backing);
  members.take("kernel", config.kernel, true);
  members.take("initrd", config.initrd, false);
  members.take("cmdline", config.cmdline, false);
  members.take_array("disks", [&](const Json& disk) { config.disks.push_back(parse_disk(disk)); });
  members.take("crash_dump", config.crash_dump);
  members.take_object("global", [&](const Json& global) { config.global = parse_global(global); });
  members.take_object("vsock", [&](const Json& vsock) { config.vsock = parse_vsock(vsock); });
  members.take_fd("serial_fd", config.serial_fd);
  members.take_fd("console_fd", config.console_fd);
  members.take_fd("agent_fd", config.agent_fd);
  members.take_fd("progress_fd", config.progress_fd);
  members.refuse_unknown();
  check(config);
  return config;
}

std::string to_json(const CellConfig& config) {
  Json disks = Json::array();
  for (const DiskConfig& disk : config.disks) {
    disks.push_back({{"path", disk.path}, {"read_only", disk.read_only}});
  }
  Json root{{"name", config.name},
            {"incarnation", config.incarnation},
            {"vcpus", config.vcpus},
            {"host_cpus", config.host_cpus},
            {"memory", config.memory},
            {"backing", name_of(kBackings, config.backing)},
            {"kernel", config.kernel},
            {"initrd", config.initrd},
            {"cmdline", config.cmdline},
            {"disks", std::move(disks)},
            {"serial_fd", config.serial_fd},
            {"console_fd", config.console_fd},
            {"agent_fd", config.agent_fd},
            {"progress_fd", config.progress_fd},
            {"crash_dump", config.crash_dump}};
  if (config.global) root["global"] = json_of(*config.global);
  if (config.vsock) root["vsock"] = json_of(*config.vsock);
  return root.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace hive::cell
