#include "vmm/plan/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "policy/policy.h"
#include "vmm/plan/cpu_list.h"
#include "vmm/plan/keys.h"
#include "vmm/plan/limits.h"
#include "vmm/plan/text.h"
#include "vmm/plan/words.h"

namespace hive::plan {
namespace {

constexpr std::string_view kDigits = "0123456789";

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of(kDigits) == std::string_view::npos;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  if (!is_digits(text) || std::from_chars(text.data(), end, value).ec != std::errc{}) {
    return std::nullopt;
  }
  return value;
}

/// A whole number from 0 up that is not in quotes.
std::optional<std::uint64_t> number(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::kScalar || node.quoted) return std::nullopt;
  return number(node.text);
}

/// The CPUs of a YAML list.
std::optional<std::vector<unsigned>> cpu_items(const YamlNode& list, FaultList& faults) {
  std::vector<unsigned> cpus;
  for (const YamlNode& item : list.items) {
    const auto cpu = number(item);
    if (!cpu || *cpu > kMaxHostCpu) {
      faults.add(item.at,
                 item.kind == YamlNode::Kind::kScalar
                     ? fmt::format("{} is not a host CPU", quote(item.text))
                     : "this is not a host CPU",
                 "list CPU numbers such as [2, 3]");
      return std::nullopt;
    }
    if (cpus.size() <= kMaxVcpus) cpus.push_back(static_cast<unsigned>(*cpu));
  }
  return cpus;
}

std::optional<CpuRequest> check_pinning(std::vector<unsigned> cpus, Position at,
                                        FaultList& faults) {
  if (cpus.empty()) {
    faults.add(at, "the list of host CPUs is empty", "list a CPU for each vCPU, or write a count");
    return std::nullopt;
  }
  if (cpus.size() > kMaxVcpus) {
    faults.add(at, fmt::format("more than {} host CPUs are listed", kMaxVcpus),
               fmt::format("a cell has a vCPU for each: list at most {}", kMaxVcpus));
    return std::nullopt;
  }
  std::vector<unsigned> sorted = cpus;
  std::sort(sorted.begin(), sorted.end());
  const auto twin = std::adjacent_find(sorted.begin(), sorted.end());
  if (twin != sorted.end()) {
    faults.add(at, fmt::format("host CPU {} is listed twice", *twin), "list each CPU once");
    return std::nullopt;
  }
  const auto count = static_cast<unsigned>(cpus.size());
  return CpuRequest{count, std::move(cpus)};
}

std::optional<CpuRequest> check_count(const YamlNode& node, FaultList& faults) {
  const auto count = number(node);
  if (count && *count >= 1 && *count <= kMaxVcpus) {
    return CpuRequest{static_cast<unsigned>(*count), {}};
  }
  faults.add(node.at, fmt::format("a cell cannot have {} vCPUs", quote(node.text)),
             fmt::format("write a count from 1 to {}{}", kMaxVcpus,
                         count == 0U ? ", or [0] for host CPU 0" : ""));
  return std::nullopt;
}

/// What NODE, the value of KEY, stands for: one of WORDS.
template <typename T, std::size_t kCount>
std::optional<T> read_word(const YamlNode& node, std::string_view key,
                           const Words<T, kCount>& words, KeyType type, FaultList& faults) {
  std::array<std::string_view, kCount> known;
  for (std::size_t i = 0; i < kCount; ++i) {
    if (node.text == words[i].first) return words[i].second;
    known[i] = words[i].first;
  }
  const auto nearest = nearest_word(node.text, known);
  faults.add(node.at, fmt::format("{} cannot be {}", key, quote(node.text)),
             nearest ? fmt::format("did you mean '{}'?", *nearest)
                     : fmt::format("write {}", describe(type)));
  return std::nullopt;
}

}  // namespace

std::optional<std::string> read_name(const YamlNode& node, FaultList& faults) {
  if (is_name(node.text)) return node.text;
  faults.add(node.at, fmt::format("{} is not a name", quote(node.text)),
             fmt::format("use 1 to {} of a-z, 0-9 and '-', and begin with a letter or a digit",
                         kMaxNameLength));
  return std::nullopt;
}

std::optional<bool> read_flag(const YamlNode& node, FaultList& faults) {
  if (!node.quoted && node.text == "true") return true;
  if (!node.quoted && node.text == "false") return false;
  std::string remedy = "write true or false";
  for (const std::string_view word : {"true", "True", "TRUE", "yes", "Yes", "on", "On", "1"}) {
    if (node.text == word) remedy = "write true";
  }
  for (const std::string_view word : {"false", "False", "FALSE", "no", "No", "off", "Off", "0"}) {
    if (node.text == word) remedy = "write false";
  }
  if (node.quoted) remedy += ", without quotes";
  faults.add(node.at, fmt::format("{} is not true or false", quote(node.text)), std::move(remedy));
  return std::nullopt;
}

std::optional<CpuRequest> read_cpus(const YamlNode& node, FaultList& faults) {
  if (node.kind == YamlNode::Kind::kList) {
    auto cpus = cpu_items(node, faults);
    if (!cpus) return std::nullopt;
    return check_pinning(std::move(*cpus), node.at, faults);
  }
  if (is_digits(node.text)) {
    if (!node.quoted) return check_count(node, faults);
    faults.add(node.at, fmt::format("{} in quotes can be a count or a host CPU", quote(node.text)),
               fmt::format("write {0} for a count, [{0}] for a host CPU", node.text));
    return std::nullopt;
  }
  auto cpus = parse_cpu_list(node.text);
  if (!cpus) {
    faults.add(node.at, fmt::format("{} is neither a count nor host CPUs", quote(node.text)),
               fmt::format("write {}", describe(KeyType::kCpus)));
    return std::nullopt;
  }
  return check_pinning(std::move(*cpus), node.at, faults);
}

std::optional<HugePages> read_huge_pages(const YamlNode& node, FaultList& faults) {
  return read_word(node, "hugepages", kHugePagesWords, KeyType::kHugePages, faults);
}

std::optional<Role> read_role(const YamlNode& node, FaultList& faults) {
  return read_word(node, "role", kRoleWords, KeyType::kRole, faults);
}

std::optional<std::string> read_policy(const YamlNode& node, FaultList& faults) {
  if (policy::find(node.text) != nullptr) return node.text;
  std::vector<std::string_view> known;
  std::string list;
  for (const policy::Policy& each : policy::policies()) {
    known.push_back(each.name);
    list += (list.empty() ? "" : ", ") + std::string(each.name);
  }
  const auto nearest = nearest_word(node.text, known);
  faults.add(node.at, fmt::format("there is no policy {}", quote(node.text)),
             nearest ? fmt::format("did you mean '{}'?", *nearest)
                     : fmt::format("choose one of {}", list));
  return std::nullopt;
}

std::optional<OnViolation> read_on_violation(const YamlNode& node, FaultList& faults) {
  return read_word(node, "on_violation", kOnViolationWords, KeyType::kOnViolation, faults);
}

std::optional<WitnessWish> read_witness(const YamlNode& node, FaultList& faults) {
  return read_word(node, "witness", kWitnessWords, KeyType::kWitness, faults);
}

std::optional<Discard> read_discard(const YamlNode& node, FaultList& faults) {
  return read_word(node, "discard", kDiscardWords, KeyType::kDiscard, faults);
}

std::optional<OnFailure> read_on_failure(const YamlNode& node, FaultList& faults) {
  return read_word(node, "on_failure", kOnFailureWords, KeyType::kOnFailure, faults);
}

std::optional<std::uint32_t> read_watchdog(const YamlNode& node, FaultList& faults) {
  if (node.text == "none") return 0;
  const std::string_view text = node.text;
  if (!text.empty() && text.back() == 's' && text.front() != '0') {
    const auto seconds = number(text.substr(0, text.size() - 1));
    if (seconds && *seconds >= kMinWatchdog && *seconds <= kMaxWatchdog) {
      return static_cast<std::uint32_t>(*seconds);
    }
  }
  faults.add(node.at, fmt::format("watchdog cannot be {}", quote(node.text)),
             fmt::format("write {}", describe(KeyType::kWatchdog)));
  return std::nullopt;
}

std::optional<std::uint32_t> read_cpu_weight(const YamlNode& node, FaultList& faults) {
  const auto weight = number(node);
  if (weight && *weight >= kMinCpuWeight && *weight <= kMaxCpuWeight) {
    return static_cast<std::uint32_t>(*weight);
  }
  faults.add(node.at, fmt::format("cpu_weight cannot be {}", quote(node.text)),
             fmt::format("write {}", describe(KeyType::kCpuWeight)));
  return std::nullopt;
}

std::optional<bool> read_faults(const YamlNode& node, FaultList& faults) {
  return read_word(node, "faults", kFaultsWords, KeyType::kFaults, faults);
}

std::optional<std::uint32_t> read_port(const YamlNode& node, FaultList& faults) {
  const auto port = number(node);
  if (port && *port >= 1 && *port <= kMaxPort) return static_cast<std::uint32_t>(*port);
  faults.add(node.at, fmt::format("{} is not a port", quote(node.text)),
             fmt::format("write {}", describe(KeyType::kPort)));
  return std::nullopt;
}

std::optional<std::uint32_t> read_rate(const YamlNode& node, FaultList& faults) {
  const auto rate = number(node);
  if (rate && *rate >= kMinPacketRate && *rate <= kMaxPacketRate) {
    return static_cast<std::uint32_t>(*rate);
  }
  faults.add(node.at, fmt::format("packets_per_second cannot be {}", quote(node.text)),
             fmt::format("write {}", describe(KeyType::kRate)));
  return std::nullopt;
}

std::optional<Cid> read_cid(const YamlNode& node, FaultList& faults) {
  const auto cid = number(node);
  if (cid && *cid < kFirstCellCid) {
    faults.add(node.at, fmt::format("cid {} is reserved", *cid),
               fmt::format("write {}", describe(KeyType::kCid)));
    return std::nullopt;
  }
  if (cid && *cid <= kMaxCid) return static_cast<Cid>(*cid);
  faults.add(node.at, fmt::format("{} is not a cid", quote(node.text)),
             fmt::format("write {}", describe(KeyType::kCid)));
  return std::nullopt;
}

std::optional<std::string> read_cmdline(const YamlNode& node, FaultList& faults) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = node.text.find_first_not_of(kSpace);
  if (first == std::string::npos) return std::string();
  const auto last = node.text.find_last_not_of(kSpace);
  std::string words = node.text.substr(first, last - first + 1);
  if (is_clean(words)) return words;
  faults.add(node.at, "the command line holds a line break or another control character",
             "write its words in one line, with spaces between them");
  return std::nullopt;
}

std::optional<std::string> read_path(const YamlNode& node, FaultList& faults) {
  std::string_view what;
  std::string_view remedy = "write the path of a file";
  if (node.text.empty()) {
    what = "the path is empty";
  } else if (!is_clean(node.text)) {
    what = "the path holds a control character or is not UTF-8";
    remedy = "rename the file";
  } else if (node.text.size() > kMaxPathLength) {
    what = "the path is too long for Linux";
  } else if (node.text == "~" || node.text.substr(0, 2) == "~/") {
    what = "'~' is not expanded in a path";
    remedy = "write your home folder out";
  } else {
    return node.text;
  }
  faults.add(node.at, std::string(what), std::string(remedy));
  return std::nullopt;
}

}  // namespace hive::plan
