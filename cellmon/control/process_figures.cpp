#include "cellmon/control/process_figures.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string>

#include "vmm/base/unique_fd.h"
#include "vmm/base/units.h"

namespace hive::control {
namespace {

std::string read_file(pid_t process, const char* name) {
  const std::string path = fmt::format("/proc/{}/{}", process, name);
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> text{};
  const ssize_t size = file ? ::read(file.get(), text.data(), text.size()) : -1;
  return size <= 0 ? std::string() : std::string(text.data(), static_cast<std::size_t>(size));
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc{}) return std::nullopt;
  return value;
}

/// Word INDEX of TEXT, whose words stand one blank apart.
std::string_view word(std::string_view text, unsigned index) {
  for (; index > 0; --index) {
    const std::size_t blank = text.find(' ');
    if (blank == std::string_view::npos) return {};
    text.remove_prefix(blank + 1);
  }
  return text.substr(0, text.find(' '));
}

/// Bytes of the line of TEXT that begins with KEY, which is in KiB.
std::optional<std::uint64_t> kibibytes(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(std::string("\n").append(key).append(":"));
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + key.size() + 2);
  const std::size_t digits = text.find_first_not_of(" \t");
  if (digits == std::string_view::npos) return std::nullopt;
  const auto value = number(text.substr(digits));
  if (!value) return std::nullopt;
  return *value * kKiB;
}

}  // namespace

std::optional<ProcessTimes> parse_times(std::string_view stat, long ticks) {
  // proc(5): the second field is the program's name, which may have blanks; utime, stime and
  // guest_time are fields 14, 15 and 43.
  constexpr unsigned kFirst = 3, kUser = 14, kSystem = 15, kGuest = 43;
  const std::size_t name_end = stat.rfind(") ");
  if (name_end == std::string_view::npos || ticks <= 0) return std::nullopt;
  stat.remove_prefix(name_end + 2);
  const auto user = number(word(stat, kUser - kFirst));
  const auto system = number(word(stat, kSystem - kFirst));
  const auto guest = number(word(stat, kGuest - kFirst));
  if (!user || !system || !guest) return std::nullopt;
  const auto seconds = [ticks](std::uint64_t value) {
    return static_cast<double>(value) / static_cast<double>(ticks);
  };
  const std::uint64_t all = *user + *system;
  return ProcessTimes{seconds(*guest), seconds(all - std::min(all, *guest))};
}

std::optional<ProcessMemory> parse_memory(std::string_view status) {
  const auto anonymous = kibibytes(status, "RssAnon");
  const auto files = kibibytes(status, "RssFile");
  const auto page_tables = kibibytes(status, "VmPTE");
  if (!anonymous || !files || !page_tables) return std::nullopt;
  return ProcessMemory{*anonymous, *files, *page_tables};
}

std::optional<ProcessTimes> read_times(pid_t process) {
  return parse_times(read_file(process, "stat"), ::sysconf(_SC_CLK_TCK));
}

std::optional<ProcessMemory> read_memory(pid_t process) {
  return parse_memory(read_file(process, "status"));
}

}  // namespace hive::control
