#include "guests/agent/locate.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>

#include "guests/agent/kernel/locate_pointers.h"
#include "vmm/base/error.h"
#include "vmm/base/unique_fd.h"
#include "vmm/base/units.h"

namespace hive::agent {
namespace {

/// Pages of a process that are looked at: 16 GiB of its addresses.
constexpr std::uint64_t kMaxPages = 1 << 22;

std::string error_text() { return std::generic_category().message(errno); }

/// The first line of the file at PATH; empty where it cannot be read.
std::string first_line(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

template <typename Number>
bool take_number(std::string_view& text, Number& number, int base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool skip(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

Located locate_kernel(std::initializer_list<std::string_view> labels, const std::string& proc) {
  std::ifstream file(proc + "/iomem");
  std::stringstream text;
  text << file.rdbuf();
  Located located;
  for (const std::string_view label : labels) {
    const auto ranges = parse_iomem(text.str(), label);
    located.ranges.insert(located.ranges.end(), ranges.begin(), ranges.end());
  }
  if (located.ranges.empty()) located.why = proc + "/iomem does not show the kernel";
  return located;
}

/// The number of the process that WORD is, or that is called so: the lowest one.
std::optional<unsigned> find_process(const std::string& word, const std::string& proc) {
  std::optional<unsigned> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(proc, error)) {
    const std::string name = entry.path().filename();
    std::string_view rest = name;
    unsigned number = 0;
    if (!take_number(rest, number, 10) || !rest.empty()) continue;
    const bool is_it = name == word || first_line(entry.path() / "comm") == word;
    if (is_it && (!found || number < *found)) found = number;
  }
  return found;
}

/// Adds to FOUND what of the addresses from START to END, of the process whose pagemap MAP is, is
/// in memory.
void add_pages(int map, std::uint64_t start, std::uint64_t end, std::vector<Range>& found) {
  std::array<std::uint64_t, 512> entries{};
  for (std::uint64_t page = start / kPageSize; page < end / kPageSize; page += entries.size()) {
    const std::uint64_t count = std::min<std::uint64_t>(entries.size(), end / kPageSize - page);
    const ssize_t size = ::pread(map, entries.data(), count * sizeof(entries[0]),
                                 static_cast<off_t>(page * sizeof(entries[0])));
    if (size <= 0) return;
    for (std::size_t index = 0; index < static_cast<std::size_t>(size) / sizeof(entries[0]);
         ++index) {
      if (const std::uint64_t own = own_page(entries[index]); own != 0) {
        found.push_back({own, kPageSize});
      }
    }
  }
}

Located locate_tree(kernel::Tree tree, const std::string& word, const std::string& proc,
                    const std::string& sys) {
  const auto process = find_process(word, proc);
  if (!process) return {{}, "there is no process " + word};
  try {
    Located located{gather(kernel::locate_pointers(tree, *process, proc, sys)), {}};
    if (located.ranges.empty()) located.why = "none of it is in RAM";
    return located;
  } catch (const Error& error) {
    return {{}, error.what()};
  }
}

Located locate_process(const std::string& word, const std::string& proc) {
  const auto process = find_process(word, proc);
  if (!process) return {{}, "there is no process " + word};
  const std::string folder = proc + "/" + std::to_string(*process);
  const UniqueFd map(::open((folder + "/pagemap").c_str(), O_RDONLY | O_CLOEXEC));
  if (!map) return {{}, folder + "/pagemap: " + error_text()};
  std::vector<Range> pages;
  std::uint64_t left = kMaxPages;
  std::ifstream maps(folder + "/maps");
  for (std::string line; left != 0 && std::getline(maps, line);) {
    std::string_view text = line;
    std::uint64_t start = 0;
    std::uint64_t end = 0;
    const bool is_sound = take_number(text, start, 16) && skip(text, "-") &&
                          take_number(text, end, 16) && start < end;
    constexpr std::uint64_t kKernels = std::uint64_t{1} << 63;
    if (!is_sound || start >= kKernels) continue;
    const std::uint64_t count = std::min((end - start) / kPageSize, left);
    left -= count;
    add_pages(map.get(), start, start + count * kPageSize, pages);
  }
  Located located{gather(std::move(pages)), {}};
  if (located.ranges.empty())
    located.why = "process " + word + " has no pages of its own in memory";
  return located;
}

}  // namespace

Located locate(const std::vector<std::string>& words, const std::string& proc,
               const std::string& sys) {
  if (words == std::vector<std::string>{"text"}) return locate_kernel({"Kernel code"}, proc);
  if (words == std::vector<std::string>{"data"}) {
    return locate_kernel({"Kernel data", "Kernel bss"}, proc);
  }
  if (words.size() == 2 && words[0] == "process") return locate_process(words[1], proc);
  if (words.size() == 2 && words[0] == "address-map") {
    return locate_tree(kernel::Tree::kAddressMap, words[1], proc, sys);
  }
  if (words.size() == 2 && words[0] == "cow-tree") {
    return locate_tree(kernel::Tree::kCow, words[1], proc, sys);
  }
  return {{}, "this agent does not know what that is"};
}

std::vector<hive_agent_range> parse_iomem(std::string_view text, std::string_view label) {
  std::vector<hive_agent_range> ranges;
  while (!text.empty() && ranges.size() < HIVE_AGENT_MAX_RANGES) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    const bool is_it = take_number(line, first, 16) && skip(line, "-") &&
                       take_number(line, last, 16) && skip(line, " : ") && line == label;
    if (is_it && first < last && last != ~std::uint64_t{0})
      ranges.push_back({first, last - first + 1});
  }
  return ranges;
}

std::uint64_t own_page(std::uint64_t entry) {
  // Documentation/admin-guide/mm/pagemap.rst: present, a file's or shared, mapped by one alone.
  constexpr unsigned kPresent = 63, kFile = 61, kExclusive = 56;
  const auto bit = [entry](unsigned number) { return (entry >> number & 1) != 0; };
  if (!bit(kPresent) || bit(kFile) || !bit(kExclusive)) return 0;
  return (entry & ((std::uint64_t{1} << 55) - 1)) * kPageSize;
}

std::vector<hive_agent_range> gather(std::vector<Range> pieces) {
  std::sort(pieces.begin(), pieces.end(),
            [](const Range& one, const Range& other) { return one.start < other.start; });
  std::vector<hive_agent_range> ranges;
  for (const Range& piece : pieces) {
    if (ranges.empty() || piece.start > ranges.back().start + ranges.back().size) {
      ranges.push_back({piece.start, piece.size});
    } else {
      hive_agent_range& last = ranges.back();
      last.size = std::max(last.size, piece.end() - last.start);
    }
  }
  if (ranges.size() <= HIVE_AGENT_MAX_RANGES) return ranges;
  std::vector<hive_agent_range> some;
  for (std::size_t index = 0; index < HIVE_AGENT_MAX_RANGES; ++index) {
    some.push_back(ranges[index * ranges.size() / HIVE_AGENT_MAX_RANGES]);
  }
  return some;
}

std::string panic(const std::string& trigger) {
  const UniqueFd file(::open(trigger.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), "c", 1) != 1) return trigger + ": " + error_text();
  return {};
}

}  // namespace hive::agent
