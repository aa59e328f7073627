// A cgroup of a cell's own, for its VMM.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace hive::control {

/// The folder BASE/GROUP/CELL in a cgroup v2 hierarchy. Cells of one machine have the same BASE and
/// GROUP, so that their weights are weighed against each other.
class CellCgroup {
 public:
  struct Names {
    std::string base;                ///< The hierarchy's root, or a group without processes.
    std::string group;               ///< Of the machine.
    std::vector<std::string> cells;  ///< All of the machine.
    std::size_t own = 0;             ///< The place of this one in `cells`.
  };

  /// Makes the cell's group, and all that this takes, as place() does. Throws Error; then nothing
  /// is left behind, and nothing was written to a base with processes.
  explicit CellCgroup(Names names);
  CellCgroup(const CellCgroup&) = delete;
  CellCgroup& operator=(const CellCgroup&) = delete;
  /// Removes the groups of the machine that nobody is in, so also those of monitors that could not
  /// do it themselves.
  ~CellCgroup();

  [[nodiscard]] const std::string& path() const { return own_; }
  /// Puts process PID with all its threads into the cell's group, which is made again if it has
  /// gone. Throws Error.
  void place(pid_t pid);
  /// WEIGHT: 1 to 10000. Throws Error.
  void set_weight(std::uint32_t weight);
  /// The cell's group goes if nobody is in it.
  void remove();

 private:
  void make();
  /// The base is as it was before groups in it could have weights.
  void leave_base();
  void remove_all();

  Names names_;
  std::string group_;
  std::string own_;
};

}  // namespace hive::control
