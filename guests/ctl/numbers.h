// Numbers, sizes and pages on the command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "guests/sdk/hive.h"

namespace hive::ctl {

/// "12" or "0x0c"; all of TEXT.
std::optional<std::uint64_t> parse_number(std::string_view text);

/// A number of bytes: parse_number(), or a size with its unit, such as "4KiB".
std::optional<std::uint64_t> parse_bytes(std::string_view text);

/// Pages as a list, the way cpusets name CPUs: "3", "0-7", "0-1023:1/2" (of every 2 pages the first
/// 1), several with commas. PAGES is how many there are; "all" stands for these. Nothing where TEXT
/// is no such list, or one that reaches past PAGES.
std::optional<std::vector<hive_pattern>> parse_pages(std::string_view text, std::uint64_t pages);

}  // namespace hive::ctl
