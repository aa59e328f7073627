# How code for guests without an operating system is compiled: it shares no options with the rest,
# sanitizers least. No exceptions, no floating point; of the library, headers that need no symbols. It
# is given memcpy, memmove, memset and memcmp by whoever links it.
add_library(hive_freestanding INTERFACE)
set(options -std=c++20 -O2 -g0 -ffreestanding -fno-exceptions -fno-rtti -fno-pie -fno-stack-protector
    -fcf-protection=none -fno-asynchronous-unwind-tables -fno-threadsafe-statics -fno-sanitize=all
    -mno-red-zone -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
    -Wold-style-cast)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # Its -mgeneral-regs-only does not get past long double in libstdc++'s headers.
  list(APPEND options -mno-sse -mno-mmx)
else()
  list(APPEND options -mgeneral-regs-only)
endif()
target_compile_options(hive_freestanding INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${options}>")
