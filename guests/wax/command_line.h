// What Wax is told by its command line.
#pragma once

#include <cstddef>
#include <string_view>

namespace hive::wax {

/// The value of the first word of TEXT that starts with NAME; empty where there is none. Words are
/// apart by blanks.
constexpr std::string_view value_of(std::string_view name, std::string_view text) {
  std::size_t start = 0;
  while (start < text.size()) {
    std::size_t end = start;
    while (end < text.size() && text[end] != ' ') ++end;
    const std::string_view word(text.data() + start, end - start);
    bool matches = word.size() >= name.size();
    for (std::size_t i = 0; matches && i < name.size(); ++i) matches = word[i] == name[i];
    if (matches) return {word.data() + name.size(), word.size() - name.size()};
    start = end + 1;
  }
  return {};
}

}  // namespace hive::wax
