// What is kept of one run: a line of JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cellmon/campaign/draw.h"
#include "cellmon/campaign/story.h"
#include "cellmon/campaign/verdict.h"

namespace hive::campaign {

struct Record {
  std::string campaign;
  std::uint64_t seed = 0;
  Draw drawn;
  Outcome outcome{};
  std::vector<std::string> reasons;
  std::string evidence;  ///< What was noticed first; empty: nothing.
  bool put_out = false;
  bool before_fault = false;  ///< The harm showed before the fault, which was not injected.
  std::vector<std::string> unchecked;  ///< Survivors that nobody looked at.
  Times times;
  std::vector<std::uint64_t> earlier;  ///< Runs that the same machine had taken before.
  std::int64_t wall_ns = 0;            ///< When the fault was injected, since 1970.
  std::uint64_t took_ms = 0;           ///< The run, the machine's start included.
};

/// Without a line end.
std::string to_line(const Record& record);

/// Nothing where LINE is none that to_line() makes.
std::optional<Record> parse_line(std::string_view line);

struct ReadRecords {
  std::vector<Record> records;
  std::size_t whole = 0;     ///< Bytes up to the end of the last whole line.
  std::size_t bad_line = 0;  ///< Number of the first line that is no record; 0: none.
};

/// The records of a file's TEXT. A last line without an end, which somebody was writing when the
/// campaign ended, does not count.
ReadRecords read_records(std::string_view text);

}  // namespace hive::campaign
