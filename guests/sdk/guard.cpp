#include "guests/sdk/guard.h"

#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <mutex>

namespace hive::sdk {
namespace {

/// The calling thread's way out of an access. Initial-exec: a signal handler must not allocate.
struct Guard {
  sigjmp_buf way_out;
  volatile sig_atomic_t active;
  volatile sig_atomic_t passing_on;
};
__attribute__((tls_model("initial-exec"))) thread_local Guard guard;

/// What handled SIGSEGV and SIGBUS before. Written under a lock, before the handler is in place.
struct sigaction earlier_segv;
struct sigaction earlier_bus;
std::mutex installing;

struct sigaction& earlier(int number) {
  return number == SIGSEGV ? earlier_segv : earlier_bus;
}

/// The default: ends the process by this very signal once the handler returns. Not by letting the
/// access fault again, which would be a second violation.
void end_as_usual(int number, siginfo_t* info) {
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  ::sigaction(number, &action, nullptr);
  if (::syscall(SYS_rt_tgsigqueueinfo, ::getpid(), ::gettid(), number, info) != 0) ::raise(number);
}

void pass_on(int number, siginfo_t* info, void* context) {
  const struct sigaction& action = earlier(number);
  // A handler that was installed after this one and calls it would be called for ever.
  if (guard.passing_on != 0) return end_as_usual(number, info);
  guard.passing_on = 1;
  if ((action.sa_flags & SA_SIGINFO) != 0) {
    action.sa_sigaction(number, info, context);
  } else if (action.sa_handler == SIG_DFL) {
    end_as_usual(number, info);
  } else if (action.sa_handler != SIG_IGN) {
    action.sa_handler(number);
  } else if (info->si_code > 0) {
    end_as_usual(number, info);  // Faults cannot be ignored.
  }
  guard.passing_on = 0;
}

void on_fault(int number, siginfo_t* info, void* context) {
  // A fault, and not a signal that somebody sent at that moment. Its address says nothing: a
  // general protection fault has none.
  if (guard.active != 0 && info->si_code > 0) {
    guard.active = 0;
    ::pthread_sigmask(SIG_SETMASK, &static_cast<ucontext_t*>(context)->uc_sigmask, nullptr);
    siglongjmp(guard.way_out, 1);
  }
  pass_on(number, info, context);
}

int install(int number) {
  struct sigaction now = {};
  if (::sigaction(number, nullptr, &now) != 0) return errno;
  if ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == on_fault) return 0;
  earlier(number) = now;
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  ::sigemptyset(&action.sa_mask);
  // On the alternate stack where the thread has one, as handlers from before may need.
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  return ::sigaction(number, &action, nullptr) == 0 ? 0 : errno;
}

/// Runs ACCESS, which must own nothing: a fault leaves it without destructors.
template <typename Access>
bool guarded(Access access) {
  if (sigsetjmp(guard.way_out, 0) != 0) return false;
  guard.active = 1;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  access();
  std::atomic_signal_fence(std::memory_order_seq_cst);
  guard.active = 0;
  return true;
}

/// ThreadSanitizer's own code would be left in the middle, by a fault in an access that it makes.
#define HIVE_MAY_FAULT __attribute__((noinline, no_sanitize("thread")))

HIVE_MAY_FAULT void load_words(const void* source, unsigned char* destination, std::size_t size) {
  const auto* words = static_cast<const volatile std::uint64_t*>(source);
  // Of a known size, a copy is an instruction and not a call.
  for (; size >= sizeof(std::uint64_t); ++words, size -= sizeof(std::uint64_t)) {
    const std::uint64_t word = __atomic_load_n(words, __ATOMIC_ACQUIRE);
    __builtin_memcpy(destination, &word, sizeof word);
    destination += sizeof word;
  }
  if (size == 0) return;
  const std::uint64_t word = __atomic_load_n(words, __ATOMIC_ACQUIRE);
  __builtin_memcpy(destination, &word, size);
}

HIVE_MAY_FAULT void store_words(void* destination, const unsigned char* source, std::size_t size) {
  auto* words = static_cast<volatile std::uint64_t*>(destination);
  std::uint64_t word = 0;
  for (; size >= sizeof word; ++words, size -= sizeof word) {
    __builtin_memcpy(&word, source, sizeof word);
    __atomic_store_n(words, word, __ATOMIC_RELEASE);
    source += sizeof word;
  }
  if (size == 0) return;
  word = 0;
  __builtin_memcpy(&word, source, size);
  __atomic_store_n(words, word, __ATOMIC_RELEASE);
}

HIVE_MAY_FAULT void load_bytes(const void* source, unsigned char* destination, std::size_t size) {
  const auto* from = static_cast<const volatile unsigned char*>(source);
  for (; size > 0; --size) *destination++ = __atomic_load_n(from++, __ATOMIC_ACQUIRE);
}

HIVE_MAY_FAULT void store_bytes(void* destination, const unsigned char* source, std::size_t size) {
  auto* to = static_cast<volatile unsigned char*>(destination);
  for (; size > 0; --size) __atomic_store_n(to++, *source++, __ATOMIC_RELEASE);
}

HIVE_MAY_FAULT void load_word(const void* address, std::uint32_t* value) {
  *value = __atomic_load_n(static_cast<const volatile std::uint32_t*>(address), __ATOMIC_ACQUIRE);
}

HIVE_MAY_FAULT void exchange_if(void* address, std::uint32_t* expected, std::uint32_t desired) {
  __atomic_compare_exchange_n(static_cast<volatile std::uint32_t*>(address), expected, desired,
                              false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/// How many of SIZE bytes at ADDRESS can be copied in words.
std::size_t in_words(const void* address, std::size_t size) {
  const bool aligned = reinterpret_cast<std::uintptr_t>(address) % sizeof(std::uint64_t) == 0;
  return aligned ? size - size % sizeof(std::uint64_t) : 0;
}

}  // namespace

int install_guard() {
  const std::lock_guard lock(installing);
  const int error = install(SIGSEGV);
  return error != 0 ? error : install(SIGBUS);
}

bool guarded_load(const void* source, void* destination, std::size_t size) {
  return guarded([=] { load_words(source, static_cast<unsigned char*>(destination), size); });
}

bool guarded_store(void* destination, const void* source, std::size_t size) {
  return guarded(
      [=] { store_words(destination, static_cast<const unsigned char*>(source), size); });
}

bool guarded_load_word(const void* address, std::uint32_t& value) {
  std::uint32_t* out = &value;
  return guarded([=] { load_word(address, out); });
}

bool guarded_exchange_if(void* address, std::uint32_t& expected, std::uint32_t desired) {
  std::uint32_t* seen = &expected;
  return guarded([=] { exchange_if(address, seen, desired); });
}

bool guarded_load_bytes(const void* source, void* destination, std::size_t size) {
  return guarded([=] {
    const auto* from = static_cast<const unsigned char*>(source);
    auto* to = static_cast<unsigned char*>(destination);
    const std::size_t words = in_words(source, size);
    load_words(from, to, words);
    load_bytes(from + words, to + words, size - words);
  });
}

bool guarded_store_bytes(void* destination, const void* source, std::size_t size) {
  return guarded([=] {
    auto* to = static_cast<unsigned char*>(destination);
    const auto* from = static_cast<const unsigned char*>(source);
    const std::size_t words = in_words(destination, size);
    store_words(to, from, words);
    store_bytes(to + words, from + words, size - words);
  });
}

}  // namespace hive::sdk
