#include "vmm/cell/guest_fault.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "vmm/cell/json_members.h"
#include "vmm/cell/monitor_protocol.h"
#include "vmm/cell/progress.h"

namespace hive::cell {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::pair<std::string_view, GuestFaultKind>, 10> kKinds{{
    {"vcpu-stop", GuestFaultKind::kVcpuStop},
    {"triple-fault", GuestFaultKind::kTripleFault},
    {"nmi", GuestFaultKind::kNmi},
    {"hang", GuestFaultKind::kHang},
    {"memory-corrupt", GuestFaultKind::kCorrupt},
    {"page-fail", GuestFaultKind::kPageFail},
    {"disk-error", GuestFaultKind::kDiskError},
    {"disk-delay", GuestFaultKind::kDiskDelay},
    {"disk-torn", GuestFaultKind::kDiskTorn},
    {"interrupt-loss", GuestFaultKind::kInterruptLoss},
}};

std::optional<Range> parse_range(const Json& pair) {
  const auto is_number = [](const Json& number) { return number.is_number_unsigned(); };
  if (!pair.is_array() || pair.size() != 2 || !std::all_of(pair.begin(), pair.end(), is_number)) {
    return std::nullopt;
  }
  const Range range{pair[0].get<std::uint64_t>(), pair[1].get<std::uint64_t>()};
  const bool fits = range.size != 0 && range.start <= ~std::uint64_t{0} - range.size;
  return fits ? std::optional(range) : std::nullopt;
}

bool parse_ranges(const Json& object, Corruption& corruption) {
  const auto found = object.find("ranges");
  const bool wanted = corruption.place == CorruptionPlace::kPhysical ||
                      corruption.place == CorruptionPlace::kVirtual;
  if (found == object.end() || !wanted) return found == object.end() && !wanted;
  if (!found->is_array() || found->empty() || found->size() > kMaxRanges) return false;
  for (const Json& pair : *found) {
    const auto range = parse_range(pair);
    if (!range) return false;
    corruption.ranges.push_back(*range);
  }
  return true;
}

std::optional<Corruption> parse_corruption(const Json& object) {
  const auto place = find_place(text_member(object, "where"));
  const auto change = find_change(text_member(object, "change"));
  std::optional<std::uint64_t> count;
  std::optional<std::uint64_t> seed;
  if (!place || !change || !take_number(object, "count", 1, kMaxChanges, count) ||
      !take_number(object, "seed", 0, ~std::uint64_t{0}, seed)) {
    return std::nullopt;
  }
  Corruption corruption{
      *place, *change, static_cast<unsigned>(count.value_or(1)), seed.value_or(0), {}};
  return parse_ranges(object, corruption) ? std::optional(corruption) : std::nullopt;
}

void add_to(Json& object, const Corruption& corruption) {
  object["where"] = name_of(corruption.place);
  object["change"] = name_of(corruption.change);
  object["count"] = corruption.count;
  object["seed"] = corruption.seed;
  for (const Range& range : corruption.ranges) {
    object["ranges"].push_back({range.start, range.size});
  }
}

}  // namespace

std::optional<GuestFault> parse_guest_fault(std::string_view text) {
  if (text.size() > kMaxMessage) return std::nullopt;
  const Json object = Json::parse(text, nullptr, false);
  if (!object.is_object() || text_member(object, "command") != "fault") return std::nullopt;
  const std::string_view name = text_member(object, "fault");
  const auto kind = std::find_if(kKinds.begin(), kKinds.end(),
                                 [&](const auto& each) { return name == each.first; });
  std::optional<std::uint64_t> vcpu;
  std::optional<std::uint64_t> duration;
  if (kind == kKinds.end() || !take_number(object, "vcpu", 0, Progress::kMaxVcpus - 1, vcpu) ||
      !take_number(object, "for_ms", 1, kLongestGuestFault.count(), duration)) {
    return std::nullopt;
  }
  GuestFault fault{kind->second, {}, {}, {}, {}};
  if (vcpu) fault.vcpu = static_cast<unsigned>(*vcpu);
  if (duration) fault.duration = std::chrono::milliseconds(*duration);
  const bool fails = fault.kind == GuestFaultKind::kPageFail;
  if (fault.kind == GuestFaultKind::kCorrupt || fails) {
    fault.corruption = parse_corruption(object);
    if (!fault.corruption) return std::nullopt;
    if (fails && fault.corruption->count > kMaxFailedPages) return std::nullopt;
  }
  if (is_in_device(fault.kind)) {
    fault.device = parse_device_fault(object);
    if (!fault.device) return std::nullopt;
    const bool delays = fault.device->delay.count() != 0;
    if (delays != (fault.kind == GuestFaultKind::kDiskDelay)) return std::nullopt;
  }
  return fault;
}

std::string to_json(const GuestFault& fault) {
  const auto kind = std::find_if(kKinds.begin(), kKinds.end(),
                                 [&](const auto& each) { return each.second == fault.kind; });
  Json object{{"command", "fault"}, {"fault", kind->first}};
  if (fault.vcpu) object["vcpu"] = *fault.vcpu;
  if (fault.duration) object["for_ms"] = static_cast<std::uint64_t>(fault.duration->count());
  if (fault.corruption) add_to(object, *fault.corruption);
  if (fault.device) add_to(object, *fault.device);
  return object.dump();
}

}  // namespace hive::cell
