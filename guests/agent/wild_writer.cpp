#include "guests/agent/wild_writer.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <csignal>
#include <cstring>
#include <string>
#include <utility>

#include "guests/abi/agent_codec.h"
#include "vmm/base/error.h"

namespace hive::agent {
namespace {

/// What the child writes when it is done, at once.
struct Note {
  hive_agent_wrote wrote;
  std::array<char, 200> why;  ///< Empty where it was done.
};
static_assert(sizeof(Note) <= PIPE_BUF);

[[noreturn]] void work_in_child(const WildWriter::Work& work, int pipe) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // Nothing that the agent holds open may outlive it here: its port, for one.
  constexpr int kPipe = 3;
  if (pipe != kPipe && ::dup2(pipe, kPipe) < 0) ::_exit(1);
  if (::close_range(kPipe + 1, ~0U, 0) != 0) ::_exit(1);
  const WildResult result = work();
  Note note{result.wrote, {}};
  std::copy_n(result.why.begin(), std::min(result.why.size(), note.why.size() - 1),
              note.why.begin());
  ::_exit(::write(kPipe, &note, sizeof note) == sizeof note ? 0 : 1);
}

std::string describe_end(int status) {
  return "the process that writes ended by " +
         (WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                              : "status " + std::to_string(WEXITSTATUS(status)));
}

}  // namespace

WildWriter::WildWriter(std::uint32_t request, const Work& work, PortWriter& out)
    : request_(request), out_(out) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) throw_errno("cannot make a pipe");
  pipe_.reset(ends[0]);
  const UniqueFd write_end(ends[1]);
  child_ = ::fork();
  if (child_ < 0) throw_errno("cannot start a process");
  if (child_ == 0) work_in_child(work, write_end.get());
}

WildWriter::~WildWriter() {
  if (child_ <= 0) return;
  ::kill(child_, SIGKILL);
  ::waitpid(child_, nullptr, 0);
}

void WildWriter::watch(PollSet& set) {
  if (!over_) set.add(pipe_.get(), POLLIN, [this](short) { take_result(); });
}

void WildWriter::take_result() {
  Note note;
  const ssize_t count = ::read(pipe_.get(), &note, sizeof note);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  int status = 0;
  ::waitpid(std::exchange(child_, -1), &status, 0);  // It ends, or has.
  over_ = true;
  if (count != static_cast<ssize_t>(sizeof note)) return answer({{}, describe_end(status)});
  answer({note.wrote, note.why.data()});
}

void WildWriter::answer(const WildResult& result) {
  if (!result.why.empty()) return out_.send(HIVE_AGENT_REFUSED, request_, result.why);
  out_.send(HIVE_AGENT_WROTE, request_, abi::encode_wrote(result.wrote));
}

}  // namespace hive::agent
