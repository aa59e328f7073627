// What Wax may see of a machine whose cells lie: no policy fails on it, and all that it advises can
// be followed.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "policy/policy.h"
#include "tests/unit/policy/any_view.h"

using namespace hive::policy;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Each figure is a byte for its length and that many bytes.
  const auto word = [&]() -> std::uint32_t {
    if (size == 0) return 0;
    const std::size_t length = data[0] % 5U < size - 1 ? data[0] % 5U : size - 1;
    std::uint32_t value = 0;
    std::memcpy(&value, data + 1, length);
    data += 1 + length;
    size -= 1 + length;
    return value;
  };
  const View view = any_view(word);
  for (const Policy& policy : policies()) {
    if (!fault_of_advice(policy.decide, view).empty()) std::abort();
  }
  return 0;
}
