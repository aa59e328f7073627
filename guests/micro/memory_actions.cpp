#include "guests/micro/memory_actions.h"

#include "guests/micro/bare.h"
#include "guests/micro/deadline.h"

namespace hive::micro {

extern "C" volatile std::uint64_t pdpt[];

namespace {

constexpr unsigned kEntries = 512;
constexpr unsigned kGibShift = 30;
constexpr std::uint64_t kLargePageSize = 0x20'0000;
constexpr std::uint64_t kTableEntry = 0x3;  // Present, writable.
constexpr std::uint64_t kLargePage = 0x83;

/// Page directories for MAP.
alignas(4096) volatile std::uint64_t spare_directories[HIVE_MICRO_MAX_MAPPED][kEntries];
std::uint32_t directories_used;

/// Calls ACCESS with a pointer to the action's operand, of the action's width.
template <typename Access>
hive_micro_status with_operand(const hive_micro_action& action, Access access) {
  switch (action.width) {
    case 1:
      access(reinterpret_cast<volatile std::uint8_t*>(action.a));
      return HIVE_MICRO_OK;
    case 2:
      access(reinterpret_cast<volatile std::uint16_t*>(action.a));
      return HIVE_MICRO_OK;
    case 4:
      access(reinterpret_cast<volatile std::uint32_t*>(action.a));
      return HIVE_MICRO_OK;
    case 8:
      access(reinterpret_cast<volatile std::uint64_t*>(action.a));
      return HIVE_MICRO_OK;
    default:
      return HIVE_MICRO_INVALID;
  }
}

template <typename T>
T narrow(const volatile T* /*operand*/, std::uint64_t value) {
  return static_cast<T>(value);
}

}  // namespace

hive_micro_status store(const hive_micro_action& action) {
  return with_operand(action, [&](auto* operand) { *operand = narrow(operand, action.b); });
}

hive_micro_status trapped_store(const hive_micro_action& action) {
  asm volatile(
      "pushf\n\t"
      "orq $0x100, (%%rsp)\n\t"
      "popf\n\t"
      "movq %1, %0"
      : "=m"(*reinterpret_cast<volatile std::uint64_t*>(action.a))
      : "r"(action.b)
      : "memory", "cc");
  return HIVE_MICRO_OK;
}

hive_micro_status load(const hive_micro_action& action, Result& result) {
  return with_operand(action, [&](auto* operand) { result.value = *operand; });
}

hive_micro_status fill(const hive_micro_action& action, Result& result) {
  const std::uint64_t start = read_tsc();
  std::uint64_t to = action.a;
  std::uint64_t count = action.c;
  asm volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(action.b) : "memory");
  result.value = read_tsc() - start;
  return HIVE_MICRO_OK;
}

hive_micro_status copy(const hive_micro_action& action, Result& result) {
  const std::uint64_t start = read_tsc();
  std::uint64_t to = action.a;
  std::uint64_t from = action.b;
  std::uint64_t count = action.c;
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
  result.value = read_tsc() - start;
  return HIVE_MICRO_OK;
}

hive_micro_status sweep(const hive_micro_action& action, Result& result) {
  const std::uint64_t start = read_tsc();
  std::uint64_t to = action.a;
  for (std::uint64_t left = action.c; left != 0; --left, to += action.b) {
    *reinterpret_cast<volatile std::uint64_t*>(to) = to;
  }
  result.value = read_tsc() - start;
  return HIVE_MICRO_OK;
}

hive_micro_status add(const hive_micro_action& action, Result& result) {
  return with_operand(action, [&](auto* operand) {
    auto value = narrow(operand, action.b);
    asm volatile("lock xadd %0, %1" : "+r"(value), "+m"(*operand) : : "memory", "cc");
    result.value = value;
  });
}

hive_micro_status exchange(const hive_micro_action& action, Result& result) {
  return with_operand(action, [&](auto* operand) {
    auto value = narrow(operand, action.b);
    asm volatile("xchg %0, %1" : "+r"(value), "+m"(*operand) : : "memory");
    result.value = value;
  });
}

hive_micro_status compare_exchange(const hive_micro_action& action, Result& result) {
  return with_operand(action, [&](auto* operand) {
    auto value = narrow(operand, action.b);
    asm volatile("lock cmpxchg %2, %1"
                 : "+a"(value), "+m"(*operand)
                 : "r"(narrow(operand, action.c))
                 : "memory", "cc");
    result.value = value;
  });
}

hive_micro_status wait(const hive_micro_action& action, Result& result) {
  const Deadline deadline(action.c);
  bool equal = false;
  const hive_micro_status status = with_operand(action, [&](auto* operand) {
    for (;;) {
      const auto value = *operand;
      result.value = value;
      equal = value == narrow(operand, action.b);
      if (equal || deadline.passed()) return;
      pause();
    }
  });
  if (status != HIVE_MICRO_OK) return status;
  return equal ? HIVE_MICRO_OK : HIVE_MICRO_TIMED_OUT;
}

hive_micro_status map(const hive_micro_action& action) {
  const std::uint64_t gib = action.a >> kGibShift;
  if (gib >= kEntries) return HIVE_MICRO_INVALID;
  if (pdpt[gib] != 0) return HIVE_MICRO_OK;
  const std::uint32_t mine = __atomic_fetch_add(&directories_used, 1, __ATOMIC_SEQ_CST);
  if (mine >= HIVE_MICRO_MAX_MAPPED) return HIVE_MICRO_INVALID;
  volatile std::uint64_t* directory = spare_directories[mine];
  for (unsigned i = 0; i < kEntries; ++i) {
    directory[i] = ((gib << kGibShift) + i * kLargePageSize) | kLargePage;
  }
  pdpt[gib] = reinterpret_cast<std::uint64_t>(directory) | kTableEntry;
  return HIVE_MICRO_OK;
}

}  // namespace hive::micro
