// The part of Machine that reads and writes global memory itself.
#include <string>

#include "guests/sdk/guard.h"
#include "guests/sdk/machine.h"
#include "guests/sdk/status.h"
#include "guests/sdk/window_memory.h"

namespace hive::sdk {
namespace {

Failure of_object(hive_status status, std::uint32_t home, std::uint64_t offset) {
  return {status, std::string(status_text(status)) + ", at offset " + std::to_string(offset) +
                      " of cell " + std::to_string(home)};
}

Failure read_only() {
  return {HIVE_NOT_MAPPED, "global memory is mapped for reading only, as was asked for"};
}

}  // namespace

Result<hive_object> Machine::careful_read(std::uint32_t home, std::uint64_t offset,
                                          std::uint32_t tag, std::uint32_t generation,
                                          void* destination, std::size_t size) const {
  const auto base = place(home, 0, 0);
  if (!base.ok()) return base.failure();
  WindowMemory memory(base.value());
  hive_careful_header header{};
  const hive_status status = read_careful_object(memory, part(home).size, {offset, tag, generation},
                                                 destination, size, header);
  if (status != HIVE_OK) return of_object(status, home, offset);
  return hive_object{header.sequence, header.length, header.tag, header.generation};
}

Result<Done> Machine::careful_publish(std::uint32_t home, std::uint64_t offset, std::uint32_t tag,
                                      std::uint32_t generation, const void* content,
                                      std::size_t length) const {
  const auto base = place(home, 0, 0);
  if (!base.ok()) return base.failure();
  if (device_.read_only) return read_only();
  WindowMemory memory(base.value());
  const hive_status status =
      publish_careful_object(memory, part(home).size, {offset, tag, generation}, content, length);
  if (status != HIVE_OK) return of_object(status, home, offset);
  return Done{};
}

Result<Done> Machine::copy_from(std::uint32_t home, std::uint64_t offset, void* destination,
                                std::size_t size) const {
  const auto source = place(home, offset, size);
  if (!source.ok()) return source.failure();
  if (!guarded_load_bytes(source.value(), destination, size)) {
    return of_object(HIVE_FAULT, home, offset);
  }
  return Done{};
}

Result<Done> Machine::copy_to(std::uint32_t home, std::uint64_t offset, const void* source,
                              std::size_t size) const {
  const auto destination = place(home, offset, size);
  if (!destination.ok()) return destination.failure();
  if (device_.read_only) return read_only();
  if (!guarded_store_bytes(destination.value(), source, size)) {
    return of_object(HIVE_FAULT, home, offset);
  }
  return Done{};
}

}  // namespace hive::sdk
