#include "cellmon/member/watch.h"

#include <utility>

namespace hive::member {

void Watch::look(std::uint64_t heartbeat, Time own_delay, Time now) {
  if (std::exchange(last_, heartbeat) != heartbeat) {
    accrual_.beat(now, own_delay);
  } else {
    accrual_.silence(own_delay);
  }
}

void Watch::restart(Time now) { accrual_.restart(now); }

}  // namespace hive::member
