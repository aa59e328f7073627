// Reading the mappings of a campaign's file.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cellmon/campaign/campaign.h"
#include "vmm/plan/document.h"
#include "vmm/plan/fault.h"

namespace hive::campaign {

/// One mapping. Unknown and repeated keys are reported on construction; a reader reports a value
/// that cannot be what it reads, and then gives nothing. NODE and FAULTS must outlive it.
class Keys {
 public:
  /// WHAT the mapping describes: "a campaign". It may have the keys KNOWN.
  Keys(const plan::YamlNode& node, std::string_view what, std::span<const std::string_view> known,
       plan::FaultList& faults);

  [[nodiscard]] bool has(std::string_view key) const { return find(key) != nullptr; }
  [[nodiscard]] const plan::YamlNode* find(std::string_view key) const;
  /// Reports a KEY that is missing; EXAMPLE says what to write.
  void require(std::string_view key, std::string_view example);

  [[nodiscard]] std::optional<std::string> text(std::string_view key);
  /// A word of a-z, 0-9 and '-'.
  [[nodiscard]] std::optional<std::string> name(std::string_view key);
  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view key, std::uint64_t least,
                                                    std::uint64_t most);
  [[nodiscard]] std::optional<Milliseconds> time(std::string_view key);
  /// One name, or a list of them.
  [[nodiscard]] std::vector<std::string> names(std::string_view key);

 private:
  [[nodiscard]] const plan::YamlNode* scalar(std::string_view key, std::string_view example);

  const plan::YamlNode& node_;
  plan::FaultList& faults_;
  std::string_view what_;
  std::map<std::string_view, const plan::Entry*> entries_;
};

/// NODE's text: a single value that is clean and not empty. Reports what is not; EXAMPLE says what
/// to write.
std::optional<std::string> read_text(const plan::YamlNode& node, std::string_view example,
                                     plan::FaultList& faults);

}  // namespace hive::campaign
