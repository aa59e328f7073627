#include "policy/none.h"

namespace hive::policy {

void none(const View& /*view*/, Hints& /*hints*/) {}

}  // namespace hive::policy
