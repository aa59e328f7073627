// A careful reader whose memory holds anything and changes between its looks.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "guests/sdk/careful_object.h"

namespace {

/// One byte that changes before a load.
struct Change {
  std::uint8_t load;
  std::uint8_t low;
  std::uint8_t high;
  std::uint8_t value;
};

/// What the input begins with; its memory follows.
struct Controls {
  std::uint8_t publish;  ///< Not 0: an object is published first.
  std::uint8_t tag;
  std::uint8_t generation;
  std::uint8_t changes;
  std::array<std::uint8_t, 8> offset;
  std::array<std::uint8_t, 2> capacity;
  std::array<std::uint8_t, 2> fault;  ///< Loads fail from this one on; 0: never.
};
static_assert(sizeof(Controls) == 16 && sizeof(Change) == 4);

class ChangingMemory : public hive::sdk::CarefulMemory {
 public:
  ChangingMemory(std::vector<unsigned char> bytes, std::vector<Change> changes, unsigned fault)
      : bytes_(std::move(bytes)), changes_(std::move(changes)), fault_(fault) {}

  bool load(std::uint64_t offset, void* destination, std::size_t size) override {
    check(offset, size);
    ++loads_;
    for (const Change& change : changes_) {
      const std::size_t at = change.low | std::size_t{change.high} << 8;
      if (change.load == loads_ && at < bytes_.size()) bytes_[at] = change.value;
    }
    if (fault_ != 0 && loads_ >= fault_) return false;
    if (size > 0) std::memcpy(destination, bytes_.data() + offset, size);
    return true;
  }
  bool store(std::uint64_t offset, const void* source, std::size_t size) override {
    check(offset, size);
    if (size > 0) std::memcpy(bytes_.data() + offset, source, size);
    return true;
  }
  void pause(unsigned attempt) override {
    if (attempt >= hive::sdk::kCarefulAttempts) std::abort();
  }
  [[nodiscard]] std::uint64_t size() const { return bytes_.size(); }

 private:
  /// Loads and stores go by whole words, which must lie within as well.
  void check(std::uint64_t offset, std::size_t size) const {
    const std::uint64_t words = (std::uint64_t{size} + 7) / 8 * 8;
    if (offset % 8 != 0 || words < size) std::abort();
    if (!hive::sdk::lies_within(offset, words, bytes_.size())) std::abort();
  }

  std::vector<unsigned char> bytes_;
  std::vector<Change> changes_;
  unsigned fault_;
  unsigned loads_ = 0;
};

unsigned two_bytes(const std::array<std::uint8_t, 2>& bytes) {
  return bytes[0] | static_cast<unsigned>(bytes[1]) << 8;
}

void check_outcome(hive_status status, const hive::sdk::CarefulPlace& place, std::uint64_t extent,
                   const std::vector<unsigned char>& content, const hive_careful_header& header) {
  if (status != HIVE_OK) {
    if (std::any_of(content.begin(), content.end(), [](unsigned char b) { return b != 0; })) {
      std::abort();
    }
    return;
  }
  if (header.tag != place.tag || header.sequence % 2 != 0 || header.length > content.size() ||
      header.length > extent || (place.generation != 0 && header.generation != place.generation)) {
    std::abort();
  }
  const hive_careful_header again =
      hive::sdk::make_careful_header(header.sequence, header.tag, header.generation, content.data(),
                                     static_cast<std::size_t>(header.length));
  if (again.checksum != header.checksum) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Controls controls{};
  if (size < sizeof controls) return 0;
  std::memcpy(&controls, data, sizeof controls);
  data += sizeof controls;
  size -= sizeof controls;
  std::vector<Change> changes(std::min<std::size_t>(controls.changes, size / sizeof(Change)));
  if (!changes.empty()) std::memcpy(changes.data(), data, changes.size() * sizeof(Change));
  data += changes.size() * sizeof(Change);
  size -= changes.size() * sizeof(Change);

  hive::sdk::CarefulPlace place{0, controls.tag, controls.generation};
  std::memcpy(&place.offset, controls.offset.data(), sizeof place.offset);
  ChangingMemory memory({data, data + size}, changes, two_bytes(controls.fault));
  if (controls.publish != 0) {
    const std::vector<unsigned char> made_up(controls.publish, controls.tag);
    (void)hive::sdk::publish_careful_object(memory, memory.size(), place, made_up.data(),
                                            made_up.size());
  }
  std::vector<unsigned char> content(two_bytes(controls.capacity), 0xee);
  hive_careful_header header{};
  const hive_status status = hive::sdk::read_careful_object(memory, memory.size(), place,
                                                            content.data(), content.size(), header);
  check_outcome(status, place, memory.size(), content, header);
  return 0;
}
