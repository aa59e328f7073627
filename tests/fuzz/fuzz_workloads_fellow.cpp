// What a worker reads of another one whose memory may hold anything: its page, its step, and a
// scene, which is traced in place.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "guests/workloads/raytrace/picture.h"
#include "guests/workloads/team/member_page.h"
#include "vmm/base/error.h"

namespace {

using namespace hive::workloads;

constexpr Wanted kWanted{2, 1, 5, 0x1234, 0};
constexpr std::uint32_t kStep = 5;
constexpr std::size_t kMostTraced = 8;

void read_page(const MemberPage& page) {
  const Found found = examine(page, kWanted);
  const bool seen = page.seen[kWanted.self] == kWanted.nonce;
  if ((found == Found::kFellow || found == Found::kOther) && !seen) std::abort();
  if (found == Found::kFellow && page.task != kWanted.task) std::abort();
  try {
    const bool come = has_come(page.step, kStep, "it");
    if (!come && page.step != kStep - 1) std::abort();
  } catch (const hive::Error&) {
    if (page.step == kStep || page.step == kStep - 1) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  MemberPage page{};
  const std::size_t head = std::min(size, sizeof page);
  if (head > 0) std::memcpy(&page, data, head);
  read_page(page);
  std::vector<Sphere> scene(std::min((size - head) / sizeof(Sphere), kMostTraced));
  if (!scene.empty()) {
    std::memcpy(static_cast<void*>(scene.data()), data + head, scene.size() * sizeof(Sphere));
  }
  if (render({16, 16, 1}, scene, 0).size() != Frame::kTileBytes) std::abort();
  return 0;
}
