#include "cellmon/control/core_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "vmm/base/error.h"

namespace hive::control {
namespace {

namespace fs = std::filesystem;

/// Takes PREFIX off TEXT, if that begins so.
bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool take_number(std::string_view& text) {
  const auto end =
      std::find_if(text.begin(), text.end(), [](char c) { return c < '0' || c > '9'; });
  const auto digits = static_cast<std::size_t>(end - text.begin());
  text.remove_prefix(digits);
  return digits > 0;
}

}  // namespace

std::string core_name(std::string_view owner, Incarnation incarnation) {
  return fmt::format("{}-{}.core", owner, incarnation);
}

bool is_core_of(std::string_view name, std::string_view owner, bool partial) {
  if (partial && !take(name, ".")) return false;
  if (!take(name, owner) || !take(name, "-") || !take_number(name) || !take(name, ".core")) {
    return false;
  }
  if (partial) return name == ".partial";
  return name.empty() || (take(name, ".") && take_number(name) && name.empty());
}

void prepare_core_folder(const std::string& folder, std::string_view owner) {
  unsigned count = 0;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    std::error_code ignored;  // Then the file system says no again when the new one is made.
    if (is_core_of(name, owner, true)) fs::remove(entry->path(), ignored);
    if (is_core_of(name, owner, false)) ++count;
  }
  if (error) throw Error(folder + ": " + error.message());
  if (count < kMaxCoreFiles) return;
  throw Error(
      fmt::format("{} has {} core files of the cell already, and no more are kept; move or "
                  "delete some",
                  folder, count));
}

}  // namespace hive::control
