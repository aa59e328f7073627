// What every command of hivectl works with.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "guests/sdk/machine.h"
#include "vmm/base/error.h"

namespace hive::ctl {

/// RESULT's value; a failure is thrown as hive::Error.
template <typename T>
T need(sdk::Result<T> result) {
  if (!result.ok()) throw Error(result.failure().message);
  return std::move(result).value();
}

/// A section, or all that a cell contributes.
struct Place {
  std::uint32_t home = 0;
  std::optional<hive_section> section;
  std::uint64_t offset = 0;  ///< Of its first byte within home's contribution.
  std::uint64_t size = 0;    ///< In bytes.

  [[nodiscard]] const hive_section* section_or_null() const {
    return section ? &*section : nullptr;
  }
};

/// Where a place without a home is looked for.
enum class Home : std::uint8_t { kAny, kOwn };

/// One run of hivectl. The machine is opened when a command first needs it.
class Session {
 public:
  Session(std::istream& in, std::ostream& out, std::ostream& err, sdk::DevicePaths paths)
      : in_(in), out_(out), err_(err), paths_(std::move(paths)) {}

  std::istream& in() { return in_; }
  std::ostream& out() { return out_; }
  std::ostream& err() { return err_; }

  /// Set by options.
  std::string function;
  double timeout_seconds = 5;
  std::uint32_t mapping = HIVE_MAP_NONE;
  std::uint32_t flags = 0;

  sdk::Machine& machine();

  /// Tries to open the machine with MAPPING; what failed, where it did.
  std::optional<std::string> try_to_map(std::uint32_t mapping);

  /// A cell's number from TEXT, its number or name.
  std::uint32_t cell(const std::string& text);
  /// The name of CELL, or its number where its monitor does not tell.
  std::string cell_name(std::uint32_t cell);
  /// "HOME:SECTION", "SECTION" (of any home, or of this cell), ":SECTION" of this cell, and "HOME:"
  /// or ":" for all of a contribution.
  Place place(const std::string& text, Home home);

 private:
  sdk::Result<std::unique_ptr<sdk::Machine>> open(std::uint32_t mapping) const;

  std::istream& in_;
  std::ostream& out_;
  std::ostream& err_;
  sdk::DevicePaths paths_;
  std::unique_ptr<sdk::Machine> machine_;
};

}  // namespace hive::ctl
