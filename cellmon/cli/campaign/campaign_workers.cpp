#include "cellmon/cli/campaign/campaign_workers.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <new>

#include "cellmon/campaign/report.h"
#include "cellmon/cli/campaign/campaign_progress.h"
#include "cellmon/cli/campaign/campaign_runner.h"
#include "cellmon/cli/run_dir.h"
#include "cellmon/cli/signal_fd.h"
#include "vmm/base/error.h"
#include "vmm/plan/limits.h"

namespace hive::cli {
namespace {

using campaign::Outcome;
using std::chrono::steady_clock;

constexpr Milliseconds kRefresh{500};
constexpr std::chrono::seconds kLine{15};  ///< Between lines where there is no terminal.

enum WorkerStatus { kWorkerDone = 0, kWorkerFailed = 1, kWorkerInterrupted = 2 };

/// What the processes share.
struct Shared {
  std::atomic<std::uint64_t> next{0};  ///< Place in the job's runs.
  std::array<std::atomic<std::uint64_t>, kOutcomes> done{};
  std::atomic<bool> stops{false};
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

class SharedMemory {
 public:
  SharedMemory() {
    void* memory =
        ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw_errno("cannot share memory");
    shared_ = new (memory) Shared;
  }
  ~SharedMemory() { ::munmap(shared_, sizeof(Shared)); }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  SharedMemory(SharedMemory&&) = delete;
  SharedMemory& operator=(SharedMemory&&) = delete;

  [[nodiscard]] Shared& get() const { return *shared_; }

 private:
  Shared* shared_ = nullptr;
};

/// The name of the machines of worker NUMBER: with one worker the plan's own.
std::string machine_name(const std::string& plan, unsigned number, unsigned workers) {
  if (workers == 1) return plan;
  const std::string end = fmt::format("-{}", number + 1);
  return plan.substr(0, plan::kMaxNameLength - end.size()) + end;
}

void tell(const campaign::Record& record, const CampaignJob& job) {
  if (record.outcome == Outcome::kContained) return;
  std::string why;
  for (const std::string& reason : record.reasons) why += (why.empty() ? "" : "; ") + reason;
  fmt::print(stderr, "{}run {}, {}: {}: {}\n  to repeat it: {}\n",
             ::isatty(STDERR_FILENO) == 1 ? "\r\x1b[K" : "", record.drawn.run,
             describe(record.drawn), to_string(record.outcome), why,
             campaign::repetition_of(record, job.file));
}

void do_share(const CampaignJob& job, const std::string& machine, Shared& shared, pid_t parent) {
  const SignalFd signals({SIGINT, SIGTERM, SIGHUP});
  // What a run was about may have taken the signal that tells of the parent's end.
  const auto stops = [&] { return shared.stops || ::getppid() != parent; };
  CampaignRunner::Settings settings{job.campaign,      job.plan, job.seed,         job.keep,
                                    job.folder.path(), job.base, ensure_run_dir(), stops};
  settings.plan.name = machine;
  CampaignRunner runner(std::move(settings), signals);
  const campaign::Cells cells = campaign::cells_of(job.plan);
  for (;;) {
    if (stops()) throw Interrupted();
    const std::uint64_t place = shared.next.fetch_add(1);
    if (place >= job.runs.size()) return;
    const campaign::Draw drawn = draw(job.campaign, cells, job.seed, job.runs[place]);
    const campaign::Record record = runner.run(drawn);
    if (record.outcome != Outcome::kContained) {
      job.folder.keep_events(record, job.repeats, runner.events());
    }
    job.folder.append(job.records, record);
    tell(record, job);
    ++shared.done[static_cast<std::size_t>(record.outcome)];
  }
}

/// The life of a worker's process; its exit status.
int be_worker(const CampaignJob& job, unsigned number, Shared& shared, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) return kWorkerInterrupted;
  const std::string machine = machine_name(job.plan.name, number, job.parallel);
  try {
    do_share(job, machine, shared, parent);
    return kWorkerDone;
  } catch (const Interrupted&) {
    return kWorkerInterrupted;
  } catch (const std::exception& error) {
    fmt::print(stderr, "hive: campaign, machine {}: {}\n", machine, error.what());
    return kWorkerFailed;
  }
}

/// The workers, as their parent sees them.
class Workers {
 public:
  Workers(const CampaignJob& job, Shared& shared) : shared_(shared) {
    std::fflush(nullptr);
    const pid_t parent = ::getpid();
    for (unsigned number = 0; number < job.parallel; ++number) {
      const pid_t pid = ::fork();
      if (pid < 0) {
        stop();
        throw_errno("cannot start a process");
      }
      if (pid == 0) {
        const int status = be_worker(job, number, shared, parent);
        std::fflush(nullptr);
        ::_exit(status);
      }
      pids_.push_back(pid);
    }
  }

  /// Has all of them end.
  void stop() {
    shared_.stops = true;
    for (const pid_t pid : pids_) ::kill(pid, SIGTERM);
  }

  /// Whether any is left. When one fails, the others are told to end.
  bool any() {
    std::erase_if(pids_, [this](pid_t pid) {
      int status = 0;
      if (::waitpid(pid, &status, WNOHANG) != pid) return false;
      const int exit = WIFEXITED(status) ? WEXITSTATUS(status) : static_cast<int>(kWorkerFailed);
      failed_ = failed_ || exit == kWorkerFailed;
      interrupted_ = interrupted_ || exit == kWorkerInterrupted;
      return true;
    });
    if (failed_ && !told_) {
      told_ = true;
      stop();
    }
    return !pids_.empty();
  }

  [[nodiscard]] JobEnd end() const {
    return failed_ ? JobEnd::kFailed : interrupted_ ? JobEnd::kInterrupted : JobEnd::kDone;
  }

 private:
  Shared& shared_;
  std::vector<pid_t> pids_;
  bool failed_ = false;
  bool interrupted_ = false;
  bool told_ = false;
};

/// Shows how far the runs are: one line that changes on a terminal, else a line now and then.
class ProgressLine {
 public:
  ProgressLine(const CampaignJob& job, const Shared& shared) : shared_(shared) {
    progress_.runs = job.total;
    progress_.before = job.total - job.runs.size();
  }

  void show(bool last) {
    const auto now = steady_clock::now();
    if (!terminal_ && !last && now - shown_ < kLine) return;
    shown_ = now;
    for (std::size_t i = 0; i < kOutcomes; ++i) progress_.done[i] = shared_.done[i].load();
    progress_.seconds = std::chrono::duration<double>(now - start_).count();
    const std::string line = describe(progress_, width());
    fmt::print("{}{}{}", terminal_ ? "\r\x1b[K" : "", line, terminal_ && !last ? "" : "\n");
    std::fflush(stdout);
  }

 private:
  [[nodiscard]] std::size_t width() const {
    winsize size{};
    constexpr std::size_t kWide = 200;
    if (!terminal_ || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return kWide;
    return size.ws_col > 1 ? size.ws_col - 1U : kWide;
  }

  const Shared& shared_;
  CampaignProgress progress_;
  steady_clock::time_point start_ = steady_clock::now();
  steady_clock::time_point shown_ = start_;
  bool terminal_ = ::isatty(STDOUT_FILENO) == 1;
};

}  // namespace

JobResult do_runs(const CampaignJob& job) {
  const SharedMemory memory;
  Workers workers(job, memory.get());
  const SignalFd signals({SIGINT, SIGTERM, SIGHUP});
  ProgressLine line(job, memory.get());
  while (workers.any()) {
    line.show(false);
    pollfd entry{signals.fd(), POLLIN, 0};
    ::poll(&entry, 1, static_cast<int>(kRefresh.count()));
    if (signals.take() != 0) workers.stop();
  }
  line.show(true);
  return {workers.end(), memory.get().done[static_cast<std::size_t>(Outcome::kEscaped)].load()};
}

}  // namespace hive::cli
