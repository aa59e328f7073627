// Writing bytes to a standard stream.
#pragma once

#include <string_view>

namespace hive::cli {

/// Writes BYTES to descriptor FD, however long it takes. Throws Error when nobody reads it.
void write_all(int fd, std::string_view bytes);

}  // namespace hive::cli
