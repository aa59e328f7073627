#include "guests/ctl/rpc_command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "vmm/base/unique_fd.h"

namespace hive::ctl {
namespace {

constexpr int kTickMs = 20;  ///< Between looks whether the call was cancelled.
constexpr std::uint32_t kNotRun = 127;

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  result.reserve(words.size() + 1);
  for (std::string& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> environment(const rpc::Request& request) {
  std::vector<std::string> result;
  for (char** each = environ; *each != nullptr; ++each) {
    if (std::strncmp(*each, "HIVE_RPC_", 9) != 0) result.emplace_back(*each);
  }
  result.push_back("HIVE_RPC_METHOD=" + std::to_string(request.method));
  result.push_back("HIVE_RPC_CALLER_CID=" + std::to_string(request.caller_cid));
  if (request.caller.cell != HIVE_RPC_NO_CELL) {
    result.push_back("HIVE_RPC_CALLER=" + std::to_string(request.caller.cell));
  }
  return result;
}

/// A file with PAYLOAD, at its start; none where that fails.
UniqueFd file_of(rpc::ByteView payload) {
  UniqueFd file(::memfd_create("request", MFD_CLOEXEC));
  std::size_t written = 0;
  while (file && written < payload.size()) {
    const ssize_t part = ::write(file.get(), payload.data() + written, payload.size() - written);
    if (part <= 0) return {};
    written += static_cast<std::size_t>(part);
  }
  if (file && ::lseek(file.get(), 0, SEEK_SET) != 0) return {};
  return file;
}

/// Starts ARGV in a process group of its own, with signals as a shell has them. An errno value, or
/// 0.
int spawn(std::vector<std::string> argv, std::vector<std::string> environment, int in, int out,
          pid_t& pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  sigset_t none;
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  const auto words = pointers(argv);
  const auto variables = pointers(environment);
  const int error =
      ::posix_spawnp(&pid, words[0], &actions, &attributes, words.data(), variables.data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  return error;
}

/// All that comes from OUT; false where that has to be given up.
bool read_output(int out, const rpc::Request& request, rpc::Bytes& reply) {
  std::array<unsigned char, 65536> part{};
  for (;;) {
    if (request.is_cancelled()) return false;
    pollfd polled{out, POLLIN, 0};
    if (::poll(&polled, 1, kTickMs) <= 0) continue;
    const ssize_t got = ::read(out, part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0;
    reply.insert(reply.end(), part.data(), part.data() + got);
    if (reply.size() > HIVE_RPC_MAX_PAYLOAD) return false;
  }
}

/// The status of PID as waitpid(2) has it. Kills it where nobody waits for it any longer.
int wait_for(pid_t pid, const rpc::Request& request, bool give_up) {
  int status = 0;
  for (;;) {
    if (give_up) ::kill(-pid, SIGKILL);
    const pid_t ended = ::waitpid(pid, &status, give_up ? 0 : WNOHANG);
    if (ended == pid || (ended < 0 && errno != EINTR)) return status;
    give_up = give_up || request.is_cancelled();
    if (!give_up) ::poll(nullptr, 0, 1);
  }
}

}  // namespace

std::optional<rpc::HandlerError> run_command(const std::vector<std::string>& argv,
                                             const rpc::Request& request, rpc::Bytes& reply) {
  const UniqueFd in = file_of(request.payload);
  std::array<int, 2> ends{-1, -1};
  if (!in || ::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return rpc::HandlerError{kNotRun, "no descriptors for the command"};
  }
  const UniqueFd out(ends[0]);
  UniqueFd write_end(ends[1]);
  pid_t pid = -1;
  const int error = spawn(argv, environment(request), in.get(), write_end.get(), pid);
  write_end.reset();
  if (error != 0) return rpc::HandlerError{kNotRun, argv[0] + ": " + std::strerror(error)};
  const bool complete = read_output(out.get(), request, reply);
  const int status = wait_for(pid, request, !complete);
  if (reply.size() > HIVE_RPC_MAX_PAYLOAD) {
    return rpc::HandlerError{kNotRun, argv[0] + ": its output is longer than 1 MiB"};
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return std::nullopt;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return rpc::HandlerError{static_cast<std::uint32_t>(code),
                           argv[0] + ": status " + std::to_string(code)};
}

}  // namespace hive::ctl
