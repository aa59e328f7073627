// A contribution as it is mapped into this process.
#pragma once

#include "guests/sdk/careful_object.h"

namespace hive::sdk {

/// Survives faults; see guard.h.
class WindowMemory : public CarefulMemory {
 public:
  /// BASE is where the contribution's first byte is mapped.
  explicit WindowMemory(unsigned char* base) : base_(base) {}

  bool load(std::uint64_t offset, void* destination, std::size_t size) override;
  bool store(std::uint64_t offset, const void* source, std::size_t size) override;
  /// At most 64 us.
  void pause(unsigned attempt) override;

 private:
  unsigned char* base_;
};

}  // namespace hive::sdk
