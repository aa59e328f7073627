#include "guests/sdk/command_channel.h"

#include <sys/file.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>

#include "guests/sdk/status.h"

namespace hive::sdk {
namespace {

constexpr std::size_t kRequest = offsetof(hive_global_registers, request);
constexpr std::size_t kSubmit = offsetof(hive_global_registers, submit);
constexpr std::size_t kState = offsetof(hive_global_registers, state);
constexpr std::size_t kReply = offsetof(hive_global_registers, reply);
constexpr std::chrono::microseconds kLongestSleep{1000};

/// Two programs that forget the lock should not take each other's replies for their own.
std::uint64_t first_tag() {
  std::uint64_t tag = 0;
  if (::getrandom(&tag, sizeof tag, GRND_NONBLOCK) != sizeof tag) {
    tag = static_cast<std::uint64_t>(Clock::now().time_since_epoch().count());
  }
  return tag;
}

Failure broken(const std::string& what) {
  return {HIVE_BROKEN, "the device's " + what + " makes no sense; was it taken away?"};
}

Failure too_late(const std::string& what) {
  return {HIVE_DEADLINE, what + " within the deadline; the cell's monitor may be busy or gone"};
}

struct Unlock {
  int fd;
  explicit Unlock(int locked) : fd(locked) {}
  Unlock(const Unlock&) = delete;
  Unlock& operator=(const Unlock&) = delete;
  ~Unlock() { ::flock(fd, LOCK_UN); }
};

std::string printable(const char* text, std::size_t size) {
  std::string copy(text, strnlen(text, size));
  for (char& character : copy) {
    if (character < 0x20 || character > 0x7e) character = '?';
  }
  return copy;
}

}  // namespace

CommandChannel::CommandChannel(Registers registers, int lock, std::chrono::milliseconds deadline)
    : registers_(registers), lock_(lock), deadline_(deadline), next_tag_(first_tag()) {}

Result<Done> CommandChannel::lock_until(Clock::time_point end) {
  Backoff backoff(kLongestSleep);
  while (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return system_failure("cannot lock the registers", errno);
    }
    if (!backoff.wait_until(end)) {
      return Failure{HIVE_DEADLINE, "another program held the registers for all of the deadline"};
    }
  }
  return Done{};
}

Result<Done> CommandChannel::await_quiet(Clock::time_point end) const {
  // Whoever submitted the request that is under way has given up, or died.
  Backoff backoff(kLongestSleep);
  while (true) {
    const std::uint32_t state = registers_.load32(kState);
    if (state == HIVE_GLOBAL_IDLE || state == HIVE_GLOBAL_ANSWERED) return Done{};
    if (state != HIVE_GLOBAL_BUSY) return broken("state");
    if (!backoff.wait_until(end)) return too_late("an earlier request was not answered");
  }
}

Result<Done> CommandChannel::await_answer(std::uint64_t tag, Clock::time_point end) const {
  Backoff backoff(kLongestSleep);
  while (true) {
    const std::uint32_t state = registers_.load32(kState);
    if (state == HIVE_GLOBAL_ANSWERED && registers_.load64(kReply) == tag) return Done{};
    if (state > HIVE_GLOBAL_ANSWERED) return broken("state");
    if (!backoff.wait_until(end)) return too_late("the request was not answered");
  }
}

Result<hive_global_reply> CommandChannel::ask(hive_global_request request) {
  const Clock::time_point end = Clock::now() + deadline_;
  if (!turn_.take_until(end)) return too_late("other threads' requests did not end");
  const TurnTaken taken(turn_);
  if (const auto locked = lock_until(end); !locked.ok()) return locked.failure();
  const Unlock unlock(lock_);
  if (const auto quiet = await_quiet(end); !quiet.ok()) return quiet.failure();
  request.tag = next_tag_++;
  registers_.store(kRequest, request);
  registers_.store32(kSubmit, 1);
  if (const auto answered = await_answer(request.tag, end); !answered.ok()) {
    return answered.failure();
  }
  return check_reply(registers_.load<hive_global_reply>(kReply));
}

Result<Done> CommandChannel::exclude(const std::function<void()>& work, Clock::time_point end) {
  end = std::min(end, Clock::now() + deadline_);
  if (!turn_.take_until(end)) return too_late("other threads' requests did not end");
  const TurnTaken taken(turn_);
  if (const auto locked = lock_until(end); !locked.ok()) return locked.failure();
  const Unlock unlock(lock_);
  work();
  return Done{};
}

Result<hive_global_reply> check_reply(hive_global_reply reply) {
  if (reply.status > HIVE_GLOBAL_MOVING) return broken("reply");
  reply.name[HIVE_GLOBAL_NAME_SIZE - 1] = '\0';
  if (reply.status == HIVE_GLOBAL_OK) return reply;
  const auto status = static_cast<hive_status>(reply.status);
  std::string message = printable(reply.message, sizeof reply.message);
  if (message.empty()) message = status_text(status);
  return Failure{status, std::move(message), status == HIVE_MOVED ? reply.home : 0};
}

}  // namespace hive::sdk
