// Accesses to memory that survive its faults.
//
// Global memory is mapped without struct pages behind it, so process_vm_readv() refuses it, and a
// copy by the kernel takes two system calls. A handler for SIGSEGV and SIGBUS that jumps out of the
// access costs nothing while there is no fault.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hive::sdk {

/// Puts the handlers in place, before those that are there now; does nothing where they come first
/// already. A fault outside of the functions below goes to the handlers from before, or ends the
/// process as it would have. Thread-safe. 0, or an errno.
int install_guard();

/// Copies SIZE bytes from SOURCE, which is aligned to 8 bytes, in words with acquire order; reads
/// up to the next multiple of 8. False where an access faulted: DESTINATION then holds anything.
/// Needs install_guard(). Thread-safe; not for signal handlers.
bool guarded_load(const void* source, void* destination, std::size_t size);

/// Copies SIZE bytes to DESTINATION, which is aligned to 8 bytes, in words with release order, and
/// zeros up to the next multiple of 8. False where an access faulted: words before it were stored.
bool guarded_store(void* destination, const void* source, std::size_t size);

/// The same of exactly SIZE bytes, of any alignment: in words where that is possible, else in
/// bytes.
bool guarded_store_bytes(void* destination, const void* source, std::size_t size);
bool guarded_load_bytes(const void* source, void* destination, std::size_t size);

/// The 4 bytes at ADDRESS, which is aligned to them; acquire order. False where the access faulted.
bool guarded_load_word(const void* address, std::uint32_t& value);

/// Stores DESIRED at ADDRESS, which is aligned to 4 bytes, where EXPECTED is there, which becomes
/// what was there; sequentially consistent. False where the access faulted.
bool guarded_exchange_if(void* address, std::uint32_t& expected, std::uint32_t desired);

}  // namespace hive::sdk
