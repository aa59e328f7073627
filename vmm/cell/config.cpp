#include "vmm/cell/config.h"

#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "guests/abi/global_memory.h"
#include "guests/abi/wax.h"
#include "vmm/base/units.h"
#include "vmm/cell/config_members.h"
#include "vmm/memory/layout.h"

namespace hive::cell {
namespace {

using namespace config_json;
using memory::Backing;

constexpr Names<Backing, 3> kBackings{{{"small-pages", Backing::kSmallPages},
                                       {"automatic", Backing::kAutomatic},
                                       {"huge-pages", Backing::kHugePages}}};

constexpr Names<OnViolation, 3> kViolationAnswers{{{"fault", OnViolation::kFault},
                                                   {"stop", OnViolation::kStop},
                                                   {"ignore", OnViolation::kIgnore}}};

/// What a guest with 46 bits of physical addresses has room for beside its RAM.
constexpr std::uint64_t kMaxGlobalMemory = 16ULL << 40;

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

PolicyConfig parse_policy(const Json& json) {
  Members members(json, "policy.");
  PolicyConfig policy;
  members.take_array("pages", [&](const Json& page) {
    policy.pages.push_back(page == -1 ? -1 : members.number<int>(page, "pages"));
  });
  members.take_number("epoch", policy.epoch, true);
  members.take_number("cpus", policy.cpus, false);
  members.take_number("round_ms", policy.round_ms, false);
  members.take_fd("link", policy.link);
  members.refuse_unknown();
  return policy;
}

Json json_of(const PolicyConfig& policy) {
  return {{"pages", policy.pages},
          {"epoch", policy.epoch},
          {"cpus", policy.cpus},
          {"round_ms", policy.round_ms},
          {"link", policy.link}};
}

void check(const PolicyConfig& policy) {
  if (policy.pages.empty() || policy.pages.size() > kMaxCells) {
    refuse("\"policy.pages\" are not 1 to " + std::to_string(kMaxCells));
  }
  if (policy.round_ms < HIVE_WAX_MIN_ROUND || policy.round_ms > HIVE_WAX_MAX_ROUND) {
    refuse("\"policy.round_ms\" is not " + std::to_string(HIVE_WAX_MIN_ROUND) + " to " +
           std::to_string(HIVE_WAX_MAX_ROUND));
  }
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
  constexpr std::uint64_t kMaxSpare = 4 * 1024 * kGiB;  // KVM maps less than 8 TiB at once.
  if (config.vcpus < 1 || config.vcpus > kMaxVcpus) refuse("\"vcpus\" is not 1 to 64");
  if (!config.host_cpus.empty() && config.host_cpus.size() != config.vcpus) {
    refuse("\"host_cpus\" does not name one CPU for each vCPU");
  }
  if (config.memory == 0 || !is_aligned(config.memory, kHugePageSize)) {
    refuse("\"memory\" is not a multiple of 2 MiB");
  }
  if (config.spare > kMaxSpare || !is_aligned(config.spare, memory::layout::kSpareStep)) {
    refuse("\"spare\" is not a multiple of 128 MiB up to 4 TiB");
  }
  if (config.global) check(*config.global);
  if (config.vsock) check(*config.vsock);
  if (config.policy) check(*config.policy);
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
  members.take_number("spare", config.spare, false);
  members.take_name("backing", kBackings, config.backing);
  members.take("kernel", config.kernel, true);
  members.take("initrd", config.initrd, false);
  members.take("cmdline", config.cmdline, false);
  members.take_array("disks", [&](const Json& disk) { config.disks.push_back(parse_disk(disk)); });
  members.take("crash_dump", config.crash_dump);
  members.take_object("global", [&](const Json& global) { config.global = parse_global(global); });
  members.take_object("vsock", [&](const Json& vsock) { config.vsock = parse_vsock(vsock); });
  members.take_object("policy", [&](const Json& policy) { config.policy = parse_policy(policy); });
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
            {"spare", config.spare},
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
  if (config.policy) root["policy"] = json_of(*config.policy);
  return root.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace hive::cell
