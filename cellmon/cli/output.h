// Writing bytes to a standard stream.
#pragma once

#include <string_view>

namespace hive::cli {

/// Writes BYTES to descriptor FD, however long it takes. Throws Error when nobody reads it.
void write_all(int fd, std::string_view bytes);

/// Writes what stdio still holds of standard output. Throws Error when some of it, now or before,
/// could not be written.
void flush_output();

}  // namespace hive::cli
