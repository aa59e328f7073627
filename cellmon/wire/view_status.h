// Who is a member of the machine, as one monitor knows it, and its wire form (JSON).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cellmon/wire/json_rpc.h"
#include "vmm/base/ids.h"

namespace hive::wire {

struct ViewStatus {
  struct Member {
    std::string cell;
    Incarnation incarnation = 0;
  };
  struct Watched {
    std::string cell;
    double suspicion = 0;  ///< See detect::Accrual; 0: none.
  };

  std::uint64_t epoch = 0;  ///< Of the latest view that the monitor knows; 0: none.
  bool member = false;      ///< Whether this monitor's cell is in it.
  bool suspended = false;   ///< The guest has to stand still while monitors agree.
  std::vector<Member> members;
  std::vector<std::string> suspects;  ///< Of the decision under way.
  std::vector<Watched> watched;
};

Json to_json(const ViewStatus& status);
/// Nothing when a member is missing or of the wrong type.
std::optional<ViewStatus> parse_view(const Json& json);

}  // namespace hive::wire
