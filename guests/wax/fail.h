// The end of Wax.
#pragma once

namespace hive::wax {

/// Has the monitor know that Wax cannot go on, and people, WHY. The next incarnation may.
[[noreturn]] void fail(const char* why);

}  // namespace hive::wax
