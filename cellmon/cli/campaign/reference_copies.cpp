#include "cellmon/cli/campaign/reference_copies.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "cellmon/cli/output.h"
#include "cellmon/wire/text.h"
#include "vmm/base/error.h"
#include "vmm/base/unique_fd.h"

namespace hive::cli {
namespace {

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

}  // namespace

void ReferenceCopies::take_file(const std::string& command, const std::string& path) {
  given_[command] = read_reference(path);
}

std::optional<std::string> ReferenceCopies::find(const std::string& cell,
                                                 const std::string& command) const {
  const auto given = given_.find(command);
  if (given != given_.end()) return given->second;
  const std::string name = cell + "." + command;
  const auto known = known_.find(name);
  if (known != known_.end()) return known->second;
  auto text = read_file(folder_ + "/" + name);
  if (text) known_[name] = *text;
  return text;
}

void ReferenceCopies::keep(const std::string& cell, const std::string& command,
                           const std::string& output) {
  std::filesystem::create_directories(folder_);
  const std::string name = cell + "." + command;
  // Whole, or not there: others may look for it at any time, and only the first one counts.
  const std::string part = fmt::format("{}/.{}.{}", folder_, name, ::getpid());
  {
    const UniqueFd file(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!file) throw_errno("cannot make " + part);
    write_all(file.get(), output);
  }
  const std::string path = folder_ + "/" + name;
  const bool is_first = ::link(part.c_str(), path.c_str()) == 0;
  const int error = errno;
  ::unlink(part.c_str());
  if (!is_first && error != EEXIST) throw_errno("cannot make " + path, error);
}

std::string read_reference(const std::string& path) {
  auto text = read_file(path);
  if (!text) {
    throw Error("reference copy " + path + " cannot be read; check `output` of the campaign",
                Error::Kind::kUsage);
  }
  return std::move(*text);
}

std::string difference(const std::string& output, const std::string& reference) {
  if (output == reference) return {};
  const auto [first, second] =
      std::mismatch(output.begin(), output.end(), reference.begin(), reference.end());
  const auto at = static_cast<std::size_t>(first - output.begin());
  constexpr std::size_t kShown = 40;
  return fmt::format("it printed {} bytes, not {}; from byte {} on \"{}\", not \"{}\"",
                     output.size(), reference.size(), at,
                     wire::printable(output.substr(at, kShown), kShown),
                     wire::printable(reference.substr(at, kShown), kShown));
}

}  // namespace hive::cli
