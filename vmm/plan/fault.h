// What is wrong with a plan, and where.
#pragma once

#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace hive::plan {

/// A place in a file, both counted from 1; columns are bytes.
struct Position {
  unsigned line = 1;
  unsigned column = 1;

  friend bool operator==(const Position&, const Position&) = default;
  friend bool operator<(const Position& a, const Position& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  }
};

struct Fault {
  Position at;
  std::string what;
  std::string remedy;

  friend bool operator==(const Fault&, const Fault&) = default;
  friend bool operator<(const Fault& a, const Fault& b) {
    return std::tie(a.at, a.what, a.remedy) < std::tie(b.at, b.what, b.remedy);
  }
};

/// "FILE:LINE:COLUMN: WHAT; REMEDY".
std::string describe(const Fault& fault, std::string_view file_name);

/// Gathers the faults of one file, in any order.
class FaultList {
 public:
  void add(Position at, std::string what, std::string remedy);

  [[nodiscard]] bool empty() const { return faults_.empty(); }

  /// The faults by position, each once. From kMaxFaults on none are kept: the last then says so.
  [[nodiscard]] std::vector<Fault> sorted() const;

 private:
  std::vector<Fault> faults_;
};

}  // namespace hive::plan
