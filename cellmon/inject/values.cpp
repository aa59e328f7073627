#include "cellmon/inject/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace hive::inject {
namespace {

using std::chrono::milliseconds;

/// In the order of Where.
constexpr std::array<std::string_view, 9> kWheres{"physical",   "virtual",     "stack",
                                                  "page-table", "text",        "data",
                                                  "process",    "address-map", "cow-tree"};

/// In the order of Target.
constexpr std::array<std::string_view, 3> kTargets{"own", "others", "all"};

std::string join(std::span<const std::string_view> names) {
  std::string text;
  for (const std::string_view name : names) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

/// The whole of TEXT as a number without a sign; hexadecimal behind 0x.
std::optional<std::uint64_t> parse_number(std::string_view text) {
  const bool is_hex = text.starts_with("0x");
  if (is_hex) text.remove_prefix(2);
  std::uint64_t number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number, is_hex ? 16 : 10);
  if (error != std::errc() || end != last) return std::nullopt;
  return number;
}

std::optional<CellId> find_cell(std::string_view name, const Cells& cells) {
  const auto found = std::find(cells.names.begin(), cells.names.end(), name);
  const auto number = static_cast<CellId>(found - cells.names.begin());
  if (found == cells.names.end() || number == cells.own) return std::nullopt;
  return number;
}

std::string take_cell(std::string_view value, const Cells& cells, Fault& fault) {
  fault.cell = find_cell(value, cells);
  return fault.cell ? "" : "names no other cell of the machine";
}

std::string take_duration(std::string_view name, std::string_view value, Fault& fault) {
  const auto duration = parse_duration(value);
  auto& place = name == "at"      ? fault.timing.at
                : name == "every" ? fault.timing.every
                                  : fault.duration;
  place = duration;
  if (duration) return {};
  return fmt::format("is no time from 1ms to {}s; write such as 500ms or 2s",
                     kLongest.count() / 1000);
}

std::string take_delay(std::string_view value, Fault& fault) {
  fault.delay = parse_duration(value);
  const milliseconds most = is_in_packets(fault.kind) ? kMostPacketDelay : kLongest;
  if (fault.delay && *fault.delay <= most) return {};
  return fmt::format("is no time from 1ms to {}s; write such as 20ms", most.count() / 1000);
}

std::string take_share(std::string_view value, Fault& fault) {
  const auto number = parse_number(value);
  const unsigned most = fault.device || is_in_packets(fault.kind) ? 100 : kMostShare;
  if (!number || *number < 1 || *number > most) {
    return fmt::format("is no percentage from 1 to {}; write a number alone", most);
  }
  fault.share = static_cast<unsigned>(*number);
  return {};
}

std::string take_period(std::string_view value, Fault& fault) {
  fault.period = parse_duration(value);
  if (fault.period && *fault.period >= kLeastPeriod && *fault.period <= kMostPeriod) return {};
  return fmt::format("is no time from {}ms to {}s", kLeastPeriod.count(),
                     kMostPeriod.count() / 1000);
}

std::string take_vcpu(std::string_view value, Fault& fault) {
  const auto number = parse_number(value);
  if (!number || *number >= kMaxVcpus) {
    return fmt::format("is no number of a vCPU; write one from 0 to {}", kMaxVcpus - 1);
  }
  fault.vcpu = static_cast<unsigned>(*number);
  return {};
}

std::string take_event(std::string_view value, Fault& fault) {
  constexpr std::size_t kLongest = 32;
  const bool is_kind = !value.empty() && value.size() <= kLongest &&
                       std::all_of(value.begin(), value.end(), [](char letter) {
                         return (letter >= 'a' && letter <= 'z') || letter == '-';
                       });
  if (!is_kind) return "is no kind of event; write one as `hive events` shows it, such as booting";
  fault.timing.after = value;
  return {};
}

std::string take_times(std::string_view value, Fault& fault) {
  const auto number = parse_number(value);
  if (!number || *number < 1 || *number > kMaxTimes) {
    return fmt::format("is no number from 1 to {}", kMaxTimes);
  }
  fault.timing.times = static_cast<unsigned>(*number);
  return {};
}

std::string take_where(std::string_view value, Fault& fault) {
  const auto found = std::find(kWheres.begin(), kWheres.end(), value);
  if (found == kWheres.end()) return "is no place; the places are " + join(kWheres);
  fault.memory->where = static_cast<Where>(found - kWheres.begin());
  return {};
}

std::string take_change(std::string_view value, Fault& fault) {
  const auto change = cell::find_change(value);
  if (!change) return "is no change; there are flip, random, zero, offset, dangling";
  fault.memory->change = *change;
  return {};
}

std::string take_count(std::string_view value, Fault& fault) {
  const auto number = parse_number(value);
  const unsigned most =
      fault.kind == FaultKind::kPageFail ? cell::kMaxFailedPages : cell::kMaxChanges;
  if (!number || *number < 1 || *number > most) {
    return fmt::format("is no number from 1 to {}", most);
  }
  fault.memory->count = static_cast<unsigned>(*number);
  return {};
}

std::string take_seed(std::string_view value, Fault& fault) {
  fault.seed = parse_number(value);
  return fault.seed ? "" : "is no number of 64 bits, decimal or behind 0x hexadecimal";
}

std::string take_target(std::string_view value, Fault& fault) {
  const auto found = std::find(kTargets.begin(), kTargets.end(), value);
  if (found == kTargets.end()) return "is no target; there are " + join(kTargets);
  fault.writes->target = static_cast<Target>(1 + (found - kTargets.begin()));
  return {};
}

/// A number from 1 to MOST into PLACE.
std::string take_bounded(std::string_view value, std::uint64_t most, std::uint32_t& place) {
  const auto number = parse_number(value);
  if (!number || *number < 1 || *number > most) {
    return fmt::format("is no number from 1 to {}", most);
  }
  place = static_cast<std::uint32_t>(*number);
  return {};
}

std::string take_address(std::string_view value, Fault& fault) {
  const auto number = parse_number(value);
  fault.memory->address = number.value_or(0);
  return number ? "" : "is no address, decimal or behind 0x hexadecimal";
}

std::string take_length(std::string_view value, Fault& fault) {
  const auto number = parse_number(value);
  if (!number || *number < kLeastLength || *number > kMostLength) {
    return fmt::format("is no number of bytes from {} to {}", kLeastLength, kMostLength);
  }
  fault.memory->length = *number;
  return {};
}

std::string take_process(std::string_view value, Fault& fault) {
  constexpr std::size_t kLongest = 15;  // As Linux keeps it.
  if (value.empty() || value.size() > kLongest) {
    return fmt::format("is no process; write its number, or its name of up to {} bytes", kLongest);
  }
  fault.memory->process = value;
  return {};
}

std::string take_disk(std::string_view value, Fault& fault) {
  constexpr std::string_view kPrefix = "disk";
  constexpr std::uint64_t kMost = 99;
  const bool is_disk = value.starts_with(kPrefix) && !value.starts_with("disk0x");
  const auto number = is_disk ? parse_number(value.substr(kPrefix.size())) : std::nullopt;
  if (!number || *number > kMost) return "is no disk; write disk0 for the cell's first one";
  fault.device->device = fmt::format("{}{}", kPrefix, *number);
  return {};
}

std::string take_device(std::string_view value, Fault& fault) {
  constexpr std::array<std::string_view, 6> kOthers{cell::kAllDevices, "balloon", "console",
                                                    "memory",          "rng",     "vsock"};
  if (std::find(kOthers.begin(), kOthers.end(), value) == kOthers.end()) {
    const std::string why = take_disk(value, fault);
    return why.empty() ? why : "is no virtio device; there are disk0 and so on, " + join(kOthers);
  }
  fault.device->device = value;
  return {};
}

std::string take_of(std::string_view value, Fault& fault) {
  const auto operations = device::find_operations(value);
  if (!operations) return "are no requests; there are all, read, write, flush";
  fault.device->of = *operations;
  return {};
}

std::string take_report(std::string_view value, Fault& fault) {
  if (value != "ok" && value != "error") return "is no report; there are ok and error";
  fault.device->reports_done = value == "ok";
  return {};
}

}  // namespace

std::optional<milliseconds> parse_duration(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (error != std::errc() || (unit != "ms" && unit != "s")) return std::nullopt;
  const std::int64_t scale = unit == "s" ? 1000 : 1;
  if (number < 1 || number > kLongest.count() / scale) return std::nullopt;
  return milliseconds(number * scale);
}

std::string_view name_of(Where where) { return kWheres.at(static_cast<std::size_t>(where)); }

std::string take_value(const Parameter& parameter, std::string_view value, const Cells& cells,
                       Fault& fault) {
  switch (parameter.kind) {
    case ValueKind::kCell:
      return take_cell(value, cells, fault);
    case ValueKind::kDuration:
      return take_duration(parameter.name, value, fault);
    case ValueKind::kDelay:
      return take_delay(value, fault);
    case ValueKind::kTarget:
      return take_target(value, fault);
    case ValueKind::kStores:
      return take_bounded(value, kMostStores, fault.writes->count);
    case ValueKind::kRate:
      return take_bounded(value, kMostStoreRate, fault.writes->rate);
    case ValueKind::kShare:
      return take_share(value, fault);
    case ValueKind::kPeriod:
      return take_period(value, fault);
    case ValueKind::kVcpu:
      return take_vcpu(value, fault);
    case ValueKind::kEvent:
      return take_event(value, fault);
    case ValueKind::kTimes:
      return take_times(value, fault);
    case ValueKind::kWhere:
      return take_where(value, fault);
    case ValueKind::kChange:
      return take_change(value, fault);
    case ValueKind::kCount:
      return take_count(value, fault);
    case ValueKind::kSeed:
      return take_seed(value, fault);
    case ValueKind::kAddress:
      return take_address(value, fault);
    case ValueKind::kLength:
      return take_length(value, fault);
    case ValueKind::kProcess:
      return take_process(value, fault);
    case ValueKind::kDisk:
      return take_disk(value, fault);
    case ValueKind::kDevice:
      return take_device(value, fault);
    case ValueKind::kOf:
      return take_of(value, fault);
    case ValueKind::kReport:
      return take_report(value, fault);
  }
  return "is not known";
}

}  // namespace hive::inject
