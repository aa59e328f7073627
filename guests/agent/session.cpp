#include "guests/agent/session.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "guests/abi/agent_codec.h"
#include "vmm/base/error.h"

namespace hive::agent {
namespace {

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Pipe make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) throw_errno("cannot make a pipe");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

void set_nonblocking(const UniqueFd& fd) { ::fcntl(fd.get(), F_SETFL, O_NONBLOCK); }

/// The child's part: never returns.
[[noreturn]] void run(const std::vector<std::string>& argv, const Pipe& in, const Pipe& out,
                      const Pipe& err) {
  ::setpgid(0, 0);
  ::dup2(in.read.get(), STDIN_FILENO);
  ::dup2(out.write.get(), STDOUT_FILENO);
  ::dup2(err.write.get(), STDERR_FILENO);
  for (const int number : {SIGPIPE, SIGHUP}) ::signal(number, SIG_DFL);
  std::vector<char*> pointers;
  pointers.reserve(argv.size() + 1);
  for (const std::string& word : argv) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  ::execvp(pointers[0], pointers.data());
  const int error = errno;
  const std::string why = argv[0] + ": " + std::strerror(error) + "\n";
  if (::write(STDERR_FILENO, why.data(), why.size()) < 0) ::_exit(126);
  ::_exit(error == ENOENT ? 127 : 126);
}

}  // namespace

Session::Session(std::uint32_t id, const std::vector<std::string>& argv, PortWriter& out)
    : id_(id), out_(out) {
  spawn(argv);
}

Session::~Session() {
  if (pid_ <= 0) return;
  if (!over_) ::kill(-pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Session::spawn(const std::vector<std::string>& argv) {
  Pipe in = make_pipe();
  Pipe out = make_pipe();
  Pipe err = make_pipe();
  pid_ = ::fork();
  if (pid_ < 0) throw_errno("cannot start a process");
  if (pid_ == 0) run(argv, in, out, err);
  ::setpgid(pid_, pid_);  // As the child does: whoever comes first.
  pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!pidfd_) {
    const int error = errno;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    throw_errno("cannot watch a process", error);
  }
  stdin_ = std::move(in.write);
  stdout_.pipe = std::move(out.read);
  stderr_.pipe = std::move(err.read);
  for (const UniqueFd* fd : {&stdin_, &stdout_.pipe, &stderr_.pipe}) set_nonblocking(*fd);
}

bool Session::add_input(std::string_view bytes) {
  if (!input_window_.accept(bytes.size())) return false;
  input_.append(bytes);
  return true;
}

void Session::end_input() { input_ended_ = true; }

void Session::signal(int number) const {
  if (number > 0 && number < NSIG) ::kill(-pid_, number);
}

void Session::watch(PollSet& set) {
  if (stdin_ && !input_.empty()) {
    set.add(stdin_.get(), POLLOUT, [this](short) { write_input(); });
  }
  if (out_.has_room() && output_window_.available() > 0) {
    if (stdout_.pipe) {
      set.add(stdout_.pipe.get(), POLLIN,
              [this](short) { read_output(stdout_, HIVE_AGENT_STDOUT); });
    }
    if (stderr_.pipe) {
      set.add(stderr_.pipe.get(), POLLIN,
              [this](short) { read_output(stderr_, HIVE_AGENT_STDERR); });
    }
  }
  if (!exited_) set.add(pidfd_.get(), POLLIN, [this](short) { await_exit(); });
}

void Session::write_input() {
  if (!stdin_) return;
  const ssize_t count = ::write(stdin_.get(), input_.data(), input_.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  std::size_t used = input_.size();  // What a command does not read any more is dropped.
  if (count >= 0) {
    used = static_cast<std::size_t>(count);
  } else {
    stdin_.reset();
  }
  input_.erase(0, used);
  const std::uint32_t grant = input_window_.release(used);
  if (grant > 0) out_.send(HIVE_AGENT_WINDOW, id_, abi::encode_u32(grant));
}

void Session::read_output(Output& output, std::uint16_t type) {
  while (output.pipe && out_.has_room() && output_window_.available() > 0) {
    std::array<char, HIVE_AGENT_MAX_PAYLOAD> buffer;
    const std::size_t most = std::min({buffer.size(), output_window_.available(), output.left});
    const ssize_t count = most == 0 ? 0 : ::read(output.pipe.get(), buffer.data(), most);
    if (count > 0) {
      const auto size = static_cast<std::size_t>(count);
      if (exited_) output.left -= size;
      output_window_.spend(size);
      out_.send(type, id_, {buffer.data(), size});
    } else if (count == 0 || exited_ || (errno != EAGAIN && errno != EINTR)) {
      output.pipe.reset();
    } else {
      return;
    }
  }
}

void Session::await_exit() {
  siginfo_t info{};
  // Left unreaped: as long as it is, its process group's number means no other.
  if (exited_ ||
      ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
      info.si_pid != pid_) {
    return;
  }
  exited_ = true;
  status_ = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
  for (Output* output : {&stdout_, &stderr_}) {
    // Others may hold the pipe and write for ever: only what it holds now is the command's.
    int held = 0;
    if (output->pipe && ::ioctl(output->pipe.get(), FIONREAD, &held) != 0) held = 0;
    output->left = static_cast<std::size_t>(held);
  }
}

bool Session::advance() {
  if (stdin_ && input_.empty() && input_ended_) stdin_.reset();
  if (!stdin_ && !input_.empty()) {  // The command closed its input: take and drop the rest.
    const std::uint32_t grant = input_window_.release(input_.size());
    input_.clear();
    if (grant > 0) out_.send(HIVE_AGENT_WINDOW, id_, abi::encode_u32(grant));
  }
  if (!exited_) return false;
  read_output(stdout_, HIVE_AGENT_STDOUT);
  read_output(stderr_, HIVE_AGENT_STDERR);
  if (stdout_.pipe || stderr_.pipe) return false;
  over_ = true;
  out_.send(HIVE_AGENT_EXIT, id_, abi::encode_u32(static_cast<std::uint32_t>(status_)));
  return true;
}

}  // namespace hive::agent
