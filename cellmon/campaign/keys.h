// Reading the mappings of a campaign's file.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cellmon/campaign/campaign.h"
#include "cellmon/campaign/format.h"
#include "vmm/plan/document.h"
#include "vmm/plan/fault.h"

namespace hive::campaign {

/// One mapping. Unknown, repeated and missing keys are reported on construction; a reader reports a
/// value that cannot be what it reads, and then gives nothing. Readers take keys that SPEC has.
/// NODE, SPEC and FAULTS must outlive it.
class Keys {
 public:
  Keys(const plan::YamlNode& node, const MappingSpec& spec, plan::FaultList& faults);

  [[nodiscard]] const plan::YamlNode* find(std::string_view key) const;

  [[nodiscard]] std::optional<std::string> text(std::string_view key);
  /// A word of a-z, 0-9 and '-'.
  [[nodiscard]] std::optional<std::string> name(std::string_view key);
  /// Within the bounds that the spec gives KEY.
  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view key);
  [[nodiscard]] std::optional<Milliseconds> time(std::string_view key);
  /// One name, or a list of them.
  [[nodiscard]] std::vector<std::string> names(std::string_view key);

 private:
  void check_key(const plan::Entry& entry);
  [[nodiscard]] const plan::YamlNode* scalar(std::string_view key);

  const MappingSpec& spec_;
  plan::FaultList& faults_;
  std::map<std::string_view, const plan::Entry*> entries_;
};

/// NODE's text: a single value that is clean and not empty. Reports what is not; EXAMPLE says what
/// to write.
std::optional<std::string> read_text(const plan::YamlNode& node, std::string_view example,
                                     plan::FaultList& faults);

}  // namespace hive::campaign
