// Whether this is built with AddressSanitizer or ThreadSanitizer, whose runtimes have threads,
// memory, descriptors and system calls of their own: then HIVE_SANITIZED is defined.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)  // GCC
#define HIVE_SANITIZED
#elif defined(__has_feature)  // clang
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HIVE_SANITIZED
#endif
#endif
