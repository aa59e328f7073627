#include "cellmon/cli/memory_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cellmon/cli/pages.h"
#include "vmm/base/units.h"

namespace hive::cli {
namespace {

using wire::text_member;

constexpr std::size_t kMaxRowsOfCell = 8;

/// Member KEY of OBJECT, a whole number from 0; 0 where it is none.
std::uint64_t number(const Json& object, const char* key) {
  const auto value = wire::number_member(object, key);
  return value && *value > 0 ? static_cast<std::uint64_t>(*value) : 0;
}

/// Member KEY of OBJECT where it is an array, else an empty one.
Json list(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_array() ? *found : Json::array();
}

/// Whether SECTION is a place for one that is another home's yet.
bool is_coming(const Json& section) { return section.value("coming", Json()) == true; }

/// A cell's rights, adjoining ones joined.
struct CellRuns {
  std::string cell;
  std::vector<PageRun> runs;
};

std::vector<CellRuns> runs_of(const Json& rights) {
  std::vector<CellRuns> cells;
  for (const Json& right : rights) {
    const std::string cell = text_member(right, "cell");
    const std::uint64_t first = number(right, "first");
    const std::uint64_t pages = number(right, "pages");
    const std::uint64_t written = right.value("written", Json()) == true ? pages : 0;
    if (cells.empty() || cells.back().cell != cell) cells.push_back({cell, {}});
    std::vector<PageRun>& runs = cells.back().runs;
    if (!runs.empty() && runs.back().first + runs.back().pages == first) {
      runs.back().pages += pages;
      runs.back().written += written;
    } else {
      runs.push_back({first, pages, written});
    }
  }
  return cells;
}

std::string join(const Json& words) {
  std::string text;
  for (const Json& word : words) {
    if (word.is_string()) text += (text.empty() ? "" : ", ") + word.get<std::string>();
  }
  return text;
}

std::string homes_of(const Json& machine) {
  std::vector<TableRow> rows{{"home", "memory", "pages", "violations", ""}};
  for (const Json& cell : list(machine, "cells")) {
    const std::string problem = text_member(cell, "problem");
    if (!problem.empty()) {
      rows.push_back({text_member(cell, "cell"), "", "", "", problem});
      continue;
    }
    std::string waits;
    for (const Json& peer : list(cell, "peers")) {
      const std::string state = text_member(peer, "state");
      const std::string name = text_member(peer, "cell");
      const auto add = [&](const std::string& text) {
        waits += (waits.empty() ? "" : ", ") + text;
      };
      if (state != "joined") add("monitor of " + name + " " + state);
      if (peer.value("closed", Json()) == true) add(name + " reads as all-ones");
    }
    if (const std::uint64_t failures = number(cell, "memory_failures"); failures > 0) {
      waits += fmt::format("{}writes to failed cells' memory stopped: {}",
                           waits.empty() ? "" : ", ", failures);
    }
    const std::uint64_t size = number(cell, "size");
    rows.push_back({text_member(cell, "cell"), size > 0 ? format_size(size) : "none",
                    fmt::format("{}", number(cell, "pages")),
                    fmt::format("{}", number(cell, "violations")), waits});
  }
  return format_table(rows, "lrrrl");
}

std::string sections_of(const Json& machine) {
  std::vector<TableRow> rows{{"section", "home", "pages", "open by"}};
  for (const Json& cell : list(machine, "cells")) {
    for (const Json& section : list(cell, "sections")) {
      const PagePattern pages{number(section, "first"),
                              std::max<std::uint64_t>(number(section, "pages"), 1)};
      std::string home = text_member(cell, "cell");
      const std::string creator = text_member(section, "creator");
      if (!creator.empty() && creator != home) home += " for " + creator;
      if (is_coming(section)) {
        home += ", coming";
      } else if (section.value("moving", Json()) == true) {
        home += ", moving";
      }
      rows.push_back({text_member(section, "name"), std::move(home), format_pages(pages),
                      join(list(section, "users"))});
    }
  }
  return rows.size() > 1 ? format_table(rows, "llll") : "";
}

std::string moved_of(const Json& machine) {
  std::vector<TableRow> rows{{"moved section", "from", "to"}};
  for (const Json& cell : list(machine, "cells")) {
    for (const Json& moved : list(cell, "moved")) {
      rows.push_back(
          {text_member(moved, "name"), text_member(cell, "cell"), text_member(moved, "home")});
    }
  }
  return rows.size() > 1 ? format_table(rows, "lll") : "";
}

std::string rights_of(const Json& machine) {
  std::vector<TableRow> rows{{"home", "writer", "pages", "count", "written"}};
  for (const Json& cell : list(machine, "cells")) {
    const auto more =
        rows_of_rights(text_member(cell, "cell"), list(cell, "rights"), kMaxRowsOfCell);
    rows.insert(rows.end(), more.begin(), more.end());
  }
  return rows.size() > 1 ? format_table(rows, "lllrr") : "";
}

}  // namespace

Json read_memory(RpcClient& client) {
  Json memory = client.call("memory", Json::object());
  if (!memory.is_object()) memory = Json::object();
  Json sections = list(memory, "sections");
  bool more = memory.value("more", Json()) == true;
  while (more && !sections.empty()) {
    const std::uint64_t last = number(sections.back(), "first");
    const Json part = client.call("memory", {{"first", last + 1}});
    more = part.is_object() && part.value("more", Json()) == true;
    for (const Json& section : list(part, "sections")) {
      if (number(section, "first") > last) sections.push_back(section);
    }
    more = more && number(sections.back(), "first") > last;
  }
  memory["sections"] = std::move(sections);
  memory.erase("more");
  return memory;
}

Presence presence_of(const Json& memory, const std::string& name) {
  for (const Json& section : list(memory, "sections")) {
    if (text_member(section, "name") != name) continue;
    return is_coming(section) ? Presence::kComing : Presence::kHere;
  }
  return Presence::kNone;
}

Json read_rights(RpcClient& client, Json params) {
  Json rights = Json::array();
  std::uint64_t from = 0;
  while (true) {
    params["from"] = from;
    const Json part = client.call("firewall.list", params);
    for (const Json& right : list(part, "rights")) {
      if (right.is_object()) rights.push_back(right);
    }
    const std::uint64_t next = number(part, "next");
    if (next <= from) return rights;
    from = next;
  }
}

std::vector<TableRow> rows_of_rights(const std::string& home, const Json& rights,
                                     std::size_t max_rows) {
  std::vector<TableRow> rows;
  for (const CellRuns& cell : runs_of(rights)) {
    const std::vector<PatternOfRuns> patterns = find_patterns(cell.runs);
    for (std::size_t i = 0; i < std::min(patterns.size(), max_rows); ++i) {
      const PagePattern& pattern = patterns[i].pattern;
      rows.push_back({home, cell.cell, format_pages(pattern),
                      fmt::format("{}", pattern.pages * pattern.runs),
                      fmt::format("{}", patterns[i].written)});
    }
    if (patterns.size() > max_rows) {
      rows.push_back({home, cell.cell, "and more: hive firewall list " + home});
    }
  }
  return rows;
}

std::string format_memory(const Json& machine) {
  std::string text = "machine " + text_member(machine, "machine") + "\n" + homes_of(machine);
  for (const std::string& table : {sections_of(machine), moved_of(machine), rights_of(machine)}) {
    if (!table.empty()) text += "\n" + table;
  }
  return text;
}

}  // namespace hive::cli
