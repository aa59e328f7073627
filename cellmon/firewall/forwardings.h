// Where sections have gone that have left one home.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "cellmon/firewall/section_table.h"

namespace hive::firewall {

/// A section that has another home now.
struct Forwarding {
  std::string name;
  CellId home{};    ///< Where it went; it may have gone on from there.
  SectionId id{};   ///< Its number there,
  PageRange range;  ///< and its place.

  friend bool operator==(const Forwarding&, const Forwarding&) = default;
};

/// By name, and by the number that the section had. Bounded: the one that was noted first makes
/// room. Pure, not thread-safe.
class Forwardings {
 public:
  static constexpr std::size_t kMost = SectionTable::kMaxSections;

  /// The section that was OLD here is at FORWARDING now; what was known of its name is forgotten.
  void note(SectionId old, Forwarding forwarding);
  /// There is a section called NAME here again.
  void forget(std::string_view name);
  void clear() { list_.clear(); }

  [[nodiscard]] const Forwarding* find(std::string_view name) const;
  [[nodiscard]] const Forwarding* find(SectionId old) const;
  [[nodiscard]] const std::map<SectionId, Forwarding>& list() const { return list_; }

 private:
  std::map<SectionId, Forwarding> list_;  ///< By the old number, which grows with time.
};

}  // namespace hive::firewall
