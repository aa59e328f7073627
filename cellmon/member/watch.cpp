#include "cellmon/member/watch.h"

#include <utility>

namespace hive::member {

bool Watch::look(std::uint64_t heartbeat, Time own_delay, Time now) {
  const bool advanced = std::exchange(last_, heartbeat) != heartbeat;
  if (advanced) {
    accrual_.beat(now, own_delay);
  } else {
    accrual_.silence(own_delay);
  }
  return advanced;
}

void Watch::restart(Time now) { accrual_.restart(now); }

}  // namespace hive::member
