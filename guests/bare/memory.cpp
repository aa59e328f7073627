// What the compiler may call wherever it compiles for, and the one more function that library
// headers want. By instructions or through volatile, so that it does not turn these into calls of
// themselves.
#include <cstddef>
#include <cstdint>

namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);

}  // namespace

extern "C" {

void* memcpy(void* to, const void* from, std::size_t size) {
  void* at = to;
  std::size_t count = size / kWord;
  asm volatile("rep movsq" : "+D"(at), "+S"(from), "+c"(count) : : "memory");
  count = size % kWord;
  asm volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(count) : : "memory");
  return to;
}

void* memmove(void* to, const void* from, std::size_t size) {
  if (reinterpret_cast<std::uintptr_t>(to) - reinterpret_cast<std::uintptr_t>(from) >= size) {
    return memcpy(to, from, size);
  }
  for (std::size_t i = size; i != 0; --i) {
    static_cast<volatile char*>(to)[i - 1] = static_cast<const char*>(from)[i - 1];
  }
  return to;
}

void* memset(void* at, int value, std::size_t size) {
  constexpr std::uint64_t kEachByte = 0x0101'0101'0101'0101;
  void* next = at;
  std::size_t count = size / kWord;
  const std::uint64_t word = kEachByte * static_cast<unsigned char>(value);
  asm volatile("rep stosq" : "+D"(next), "+c"(count) : "a"(word) : "memory");
  count = size % kWord;
  asm volatile("rep stosb" : "+D"(next), "+c"(count) : "a"(word) : "memory");
  return at;
}

int memcmp(const void* first, const void* second, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    const int difference = int{static_cast<const volatile unsigned char*>(first)[i]} -
                           int{static_cast<const volatile unsigned char*>(second)[i]};
    if (difference != 0) return difference;
  }
  return 0;
}

std::size_t strlen(const char* text) {
  std::size_t length = 0;
  while (static_cast<const volatile char*>(text)[length] != 0) ++length;
  return length;
}

}  // extern "C"
