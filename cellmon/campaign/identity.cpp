#include "cellmon/campaign/identity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace hive::campaign {
namespace {

/// FNV-1a, 64 bits: whoever changes a file by mistake is to be told, no attacker to be kept out.
class Digest {
 public:
  /// Texts one after another differ from the same text cut elsewhere.
  void add(std::string_view text) {
    for (const char each : std::to_string(text.size()) + ":") add(each);
    for (const char each : text) add(each);
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  void add(char each) { value_ = (value_ ^ static_cast<unsigned char>(each)) * 0x100'0000'01b3; }

  std::uint64_t value_ = 0xcbf2'9ce4'8422'2325;
};

void add(Digest& digest, const MicroWork& work) {
  digest.add(fmt::format("micro {} {}", work.seed, work.pages));
}

void add(Digest& digest, const ExecWork& work) {
  digest.add("exec");
  for (const std::string& cell : work.cells) digest.add(cell);
  digest.add(work.prepare);
  for (const Command* command : {&work.work, &work.check}) {
    digest.add(command->line);
    digest.add(command->reference);
  }
}

/// The line of TEXT that begins with NAME.
std::string_view line_of(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with(name)) return line;
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return {};
}

}  // namespace

std::string identity_of(const Campaign& campaign, std::string_view plan,
                        std::span<const std::string> contents) {
  Digest workload;
  std::visit([&](const auto& work) { add(workload, work); }, campaign.workload);
  for (const std::string& content : contents) workload.add(content);
  for (const FaultSpec& spec : campaign.faults) {
    if (!spec.meanwhile.empty()) workload.add(spec.fault + ": " + spec.meanwhile);
  }
  Digest machine;
  machine.add(plan);
  return fmt::format("workload {:016x}\nplan {:016x}\n", workload.value(), machine.value());
}

std::string identity_difference(std::string_view one, std::string_view other) {
  std::string what;
  for (const std::string_view name : {"workload", "plan"}) {
    if (line_of(one, name) == line_of(other, name)) continue;
    what += fmt::format("{}the {}", what.empty() ? "" : " and ", name);
  }
  return what;
}

}  // namespace hive::campaign
