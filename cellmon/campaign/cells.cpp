#include "cellmon/campaign/cells.h"

#include <utility>

namespace hive::campaign {

Cells::Cells(std::vector<std::string> all, std::string wax)
    : names(std::move(all)), policy(std::move(wax)) {}

std::vector<std::string> Cells::workers() const {
  std::vector<std::string> found;
  for (const std::string& name : names) {
    if (!is_policy(name)) found.push_back(name);
  }
  return found;
}

Cells cells_of(const plan::Machine& machine) {
  std::vector<std::string> names;
  std::string policy;
  for (const plan::Cell& cell : machine.cells) {
    names.push_back(cell.name);
    if (cell.is_policy()) policy = cell.name;
  }
  return {std::move(names), std::move(policy)};
}

}  // namespace hive::campaign
