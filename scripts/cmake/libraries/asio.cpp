// Asio, compiled once: as headers it costs every source file that uses it about a second.
#include <netdb.h>

// Static programs cannot look hosts' names up, of which the linker would warn; none here does.
namespace {
int look_up_nothing(const char* /*host*/, const char* /*service*/, const addrinfo* /*hints*/,
                    addrinfo** /*result*/) {
  return EAI_FAIL;
}
}  // namespace
#define getaddrinfo look_up_nothing

#include <boost/asio/impl/src.hpp>
