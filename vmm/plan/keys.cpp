#include "vmm/plan/keys.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace hive::plan {
namespace {

constexpr std::size_t kLongestWord = 32;

/// The optimal string alignment distance of two words of at most kLongestWord letters.
std::size_t slips(std::string_view a, std::string_view b) {
  std::array<std::array<std::size_t, kLongestWord + 1>, kLongestWord + 1> distance{};
  for (std::size_t i = 0; i <= a.size(); ++i) distance[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) distance[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      std::size_t least = std::min(
          {distance[i - 1][j] + 1, distance[i][j - 1] + 1, distance[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        least = std::min(least, distance[i - 2][j - 2] + 1);
      }
      distance[i][j] = least;
    }
  }
  return distance[a.size()][b.size()];
}

std::optional<std::string_view> completion(std::string_view word,
                                           std::span<const std::string_view> known) {
  std::optional<std::string_view> found;
  for (const std::string_view candidate : known) {
    if (word.size() < 2 || candidate.substr(0, word.size()) != word) continue;
    if (found) return std::nullopt;
    found = candidate;
  }
  return found;
}

MappingSpec make_defaults() {
  MappingSpec spec{"the defaults", cell_spec().keys};
  std::erase_if(spec.keys, [](const KeySpec& key) {
    return key.name == "name" || key.name == "cid" || key.name == "disks" || key.name == "vsock" ||
           key.name == "role" || key.name == "policy";
  });
  for (KeySpec& key : spec.keys) key.presence = Presence::kOptional;
  return spec;
}

}  // namespace

const KeySpec* MappingSpec::find(std::string_view name) const {
  const auto found =
      std::find_if(keys.begin(), keys.end(), [&](const KeySpec& key) { return key.name == name; });
  return found == keys.end() ? nullptr : &*found;
}

const MappingSpec& machine_spec() {
  static const MappingSpec spec{
      "a machine",
      {
          {"machine", KeyType::kName, Presence::kRequired, "", "The machine's name."},
          {"cells", KeyType::kCells, Presence::kRequired, "", "The machine's cells, 1 to 64."},
          {"defaults", KeyType::kDefaults, Presence::kOptional, "no defaults",
           "What holds for every cell that does not say otherwise."},
          {"firewall", KeyType::kFirewall, Presence::kOptional, "the defaults of its keys",
           "How the write firewall of global memory behaves."},
          {"rpc", KeyType::kRpc, Presence::kOptional, "the defaults of its keys",
           "How the cells may talk to each other by vsock."},
          {"faults", KeyType::kFaults, Presence::kOptional, "disabled",
           "Whether faults may be injected into the machine, for experiments (enabled), or not "
           "(disabled)."},
          {"witness", KeyType::kWitness, Presence::kOptional, "auto",
           "Whether a monitor without a cell votes on who has failed: where the machine has two "
           "cells (auto), in any case (always), or not at all (none)."},
      }};
  return spec;
}

const MappingSpec& cell_spec() {
  static const MappingSpec spec{
      "a cell",
      {
          {"name", KeyType::kName, Presence::kRequired, "",
           "The cell's name, unique within the machine."},
          {"role", KeyType::kRole, Presence::kOptional, "worker",
           "Whether the cell runs a guest of yours (worker) or Wax, which advises the monitors on "
           "sharing memory and CPUs (policy)."},
          {"policy", KeyType::kPolicy, Presence::kOptional, "balance",
           "What Wax goes by, in the cell with 'role: policy'."},
          {"cpus", KeyType::kCpus, Presence::kOptional, "1",
           "How many vCPUs the cell has, or the host CPUs that its vCPUs are pinned to."},
          {"overcommit_cpus", KeyType::kFlag, Presence::kOptional, "false",
           "Whether the cell may have more vCPUs than the host has CPUs."},
          {"memory", KeyType::kSize, Presence::kRequiredOrDefault, "",
           "The cell's memory, at least 16MiB and a multiple of 2MiB."},
          {"reserve", KeyType::kSize, Presence::kOptional, "half of the memory",
           "How much of its memory the cell keeps, whoever wants to borrow: a multiple of 2MiB."},
          {"max_memory", KeyType::kSize, Presence::kOptional, "as much as 'memory'",
           "The most memory that the cell may have when it is lent some: a multiple of 2MiB."},
          {"hugepages", KeyType::kHugePages, Presence::kOptional, "auto",
           "Whether the host backs the memory by 2 MiB pages: where it can (auto), from its "
           "reserved ones (reserved), or not at all (none)."},
          {"shared", KeyType::kSize, Presence::kOptional, "nothing",
           "How much of global memory, which every cell can read, the cell contributes: a multiple "
           "of 2MiB."},
          {"hosted", KeyType::kSize, Presence::kOptional, "half of what it shares",
           "How much of 'shared' sections that other cells ask for may take: a multiple of 2MiB."},
          {"kernel", KeyType::kKernel, Presence::kOptional, "debian",
           "Debian's kernel as built by 'scripts/dev images' (debian), or the path of a bzImage or "
           "of an ELF kernel with a PVH entry."},
          {"initrd", KeyType::kInitrd, Presence::kOptional,
           "the image's own with 'kernel: debian', else none",
           "The path of an initial ramdisk, or none."},
          {"cmdline", KeyType::kText, Presence::kOptional, "nothing",
           "Words appended to the kernel's command line."},
          {"disks", KeyType::kDisks, Presence::kOptional, "no disks",
           "The cell's disks, at most 16: the first is /dev/vda in the guest."},
          {"cid", KeyType::kCid, Presence::kOptional,
           "3 for the first cell, 4 for the second, and so on",
           "The cell's vsock address, from 3 to 4294967294, unique within the machine."},
          {"agent", KeyType::kFlag, Presence::kOptional,
           "true with the Debian image's own initrd, else false",
           "Whether the guest runs hive-agent, which tells that the guest is up."},
          {"vsock", KeyType::kPorts, Presence::kOptional, "no ports",
           "The vsock ports that join the guest with sockets on the host, at most 64."},
          {"crash_dump", KeyType::kFolder, Presence::kOptional, "none",
           "The folder in which the cell's memory is kept as a core file when its guest fails, or "
           "none."},
          {"on_failure", KeyType::kOnFailure, Presence::kOptional, "leave",
           "What the cell's failure comes to: it stays down (leave), is started anew (reboot), or "
           "takes all cells down (stop-machine)."},
          {"watchdog", KeyType::kWatchdog, Presence::kOptional, "10s with an agent, else none",
           "How long the guest may hang before its cell counts as failed: 2s to 3600s, or none."},
          {"cpu_weight", KeyType::kCpuWeight, Presence::kOptional, "100",
           "The cell's share of the host's CPUs, where cells compete for them: 1 to 10000."},
      }};
  return spec;
}

const MappingSpec& disk_spec() {
  static const MappingSpec spec{"a disk",
                                {
                                    {"path", KeyType::kPath, Presence::kRequired, "",
                                     "The path of a raw image file or of a block device."},
                                    {"readonly", KeyType::kFlag, Presence::kOptional, "false",
                                     "Whether the guest may only read it."},
                                }};
  return spec;
}

const MappingSpec& firewall_spec() {
  static const MappingSpec spec{
      "the firewall",
      {
          {"on_violation", KeyType::kOnViolation, Presence::kOptional, "fault",
           "What a write that the firewall stops comes to for the cell that made it: an exception "
           "in its guest (fault), its end as failed (stop), or nothing (ignore)."},
          {"discard", KeyType::kDiscard, Presence::kOptional, "written",
           "Which pages of others lose their content when a cell has failed: those that it has "
           "written (written), or all that it could write (writable)."},
      }};
  return spec;
}

const MappingSpec& rpc_spec() {
  static const MappingSpec spec{
      "rpc",
      {
          {"calls", KeyType::kCalls, Presence::kOptional, "every cell may call every other",
           "Who may call whom: a cell that is not in the list may call nobody."},
          {"packets_per_second", KeyType::kRate, Presence::kOptional, "200000",
           "How many packets a second a cell takes from each other one, from 100 to 10000000."},
      }};
  return spec;
}

const MappingSpec& calls_spec() {
  static const MappingSpec spec{
      "an entry of calls",
      {
          {"from", KeyType::kName, Presence::kRequired, "", "The name of the cell that calls."},
          {"to", KeyType::kNames, Presence::kRequired, "",
           "The names of the cells that it may call."},
      }};
  return spec;
}

const MappingSpec& port_spec() {
  static const MappingSpec spec{
      "a vsock port",
      {
          {"port", KeyType::kPort, Presence::kRequired, "",
           "The port: of the host with 'path' (from 1024; those below are Hive's own), of the "
           "guest with 'listen'."},
          {"path", KeyType::kPath, Presence::kOptional, "'listen' instead",
           "The path of a socket on the host, to which who calls the host's port is connected."},
          {"listen", KeyType::kPath, Presence::kOptional, "'path' instead",
           "The path of a socket that Hive makes on the host; who connects to it calls the "
           "guest's port."},
      }};
  return spec;
}

const MappingSpec& defaults_spec() {
  static const MappingSpec spec = make_defaults();
  return spec;
}

std::string_view describe(KeyType type) {
  switch (type) {
    case KeyType::kName:
      return "a name such as alpha";
    case KeyType::kCells:
      return "a list such as [{name: alpha, memory: 256MiB}]";
    case KeyType::kDefaults:
      return "a mapping such as {memory: 256MiB}";
    case KeyType::kFirewall:
      return "a mapping such as {on_violation: stop}";
    case KeyType::kRpc:
      return "a mapping such as {packets_per_second: 10000}";
    case KeyType::kFaults:
      return "enabled or disabled";
    case KeyType::kWitness:
      return "auto, always or none";
    case KeyType::kRole:
      return "worker or policy";
    case KeyType::kPolicy:
      return "a policy such as balance";
    case KeyType::kCpus:
      return "a count such as 2, or host CPUs such as [2, 3] or 2-3";
    case KeyType::kFlag:
      return "true or false";
    case KeyType::kSize:
      return "a size such as 256MiB";
    case KeyType::kHugePages:
      return "auto, reserved or none";
    case KeyType::kOnViolation:
      return "fault, stop or ignore";
    case KeyType::kDiscard:
      return "written or writable";
    case KeyType::kOnFailure:
      return "leave, reboot or stop-machine";
    case KeyType::kWatchdog:
      return "a time such as 10s, from 2s to 3600s, or none";
    case KeyType::kCpuWeight:
      return "a number from 1 to 10000";
    case KeyType::kKernel:
      return "debian or a path such as /boot/vmlinuz";
    case KeyType::kInitrd:
      return "a path such as my.cpio, or none";
    case KeyType::kText:
      return "a text such as 'root=/dev/vda'";
    case KeyType::kDisks:
      return "a list such as [{path: disk.img}]";
    case KeyType::kCid:
      return "a number from 3 to 4294967294";
    case KeyType::kPath:
      return "a path such as disk.img";
    case KeyType::kFolder:
      return "the path of a folder such as /var/crash, or none";
    case KeyType::kPorts:
      return "a list such as [{port: 5000, path: /run/app.sock}]";
    case KeyType::kPort:
      return "a number from 1 to 4294967294";
    case KeyType::kRate:
      return "a number from 100 to 10000000";
    case KeyType::kCalls:
      return "a list such as [{from: alpha, to: [beta]}]";
    case KeyType::kNames:
      return "a list such as [alpha, beta]";
  }
  return "";
}

std::optional<std::string_view> nearest_word(std::string_view word,
                                             std::span<const std::string_view> known) {
  if (word.size() > kLongestWord) return std::nullopt;
  std::optional<std::string_view> nearest;
  std::size_t least = std::max<std::size_t>(word.size() / 3, 1) + 1;
  for (const std::string_view candidate : known) {
    if (candidate.size() > kLongestWord) continue;
    const std::size_t distance = slips(word, candidate);
    if (distance >= least) continue;
    least = distance;
    nearest = candidate;
  }
  return nearest ? nearest : completion(word, known);
}

std::optional<std::string_view> nearest_key(std::string_view word, const MappingSpec& spec) {
  std::vector<std::string_view> names;
  names.reserve(spec.keys.size());
  for (const KeySpec& key : spec.keys) names.push_back(key.name);
  return nearest_word(word, names);
}

}  // namespace hive::plan
