#include "vmm/base/error.h"

#include <cerrno>
#include <system_error>

namespace hive {

void throw_errno(std::string_view what, int error, std::string_view remedy) {
  std::string message(what);
  message += ": " + std::generic_category().message(error);
  if (!remedy.empty()) {
    message += "; ";
    message += remedy;
  }
  throw Error(message);
}

void throw_errno(std::string_view what) { throw_errno(what, errno); }

}  // namespace hive
