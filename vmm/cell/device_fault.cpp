#include "vmm/cell/device_fault.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "vmm/cell/json_members.h"

namespace hive::cell {
namespace {

constexpr std::string_view kDone = "ok", kError = "error";

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxDeviceName &&
         std::all_of(text.begin(), text.end(), [](char letter) {
           return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9');
         });
}

}  // namespace

std::string name_of_disk(std::size_t index) { return "disk" + std::to_string(index); }

std::optional<DeviceFault> parse_device_fault(const nlohmann::json& object) {
  DeviceFault fault;
  fault.device = text_member(object, "device");
  std::optional<std::uint64_t> share;
  std::optional<std::uint64_t> seed;
  std::optional<std::uint64_t> delay;
  if (!is_name(fault.device) || !take_number(object, "share", 1, 100, share) ||
      !take_number(object, "seed", 0, ~std::uint64_t{0}, seed) ||
      !take_number(object, "by_ms", 1, kLongestDelay.count(), delay)) {
    return std::nullopt;
  }
  fault.share = static_cast<unsigned>(share.value_or(fault.share));
  fault.seed = seed.value_or(0);
  fault.delay = std::chrono::milliseconds(delay.value_or(0));
  if (object.contains("of")) {
    const auto of = device::find_operations(text_member(object, "of"));
    if (!of) return std::nullopt;
    fault.of = *of;
  }
  if (!object.contains("report")) return fault;
  const std::string_view report = text_member(object, "report");
  fault.reports_done = report == kDone;
  return report == kDone || report == kError ? std::optional(fault) : std::nullopt;
}

void add_to(nlohmann::json& object, const DeviceFault& fault) {
  object["device"] = fault.device;
  object["share"] = fault.share;
  object["seed"] = fault.seed;
  object["of"] = device::name_of(fault.of);
  if (fault.delay.count() != 0) object["by_ms"] = static_cast<std::uint64_t>(fault.delay.count());
  object["report"] = fault.reports_done ? kDone : kError;
}

}  // namespace hive::cell
