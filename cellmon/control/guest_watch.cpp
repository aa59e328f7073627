#include "cellmon/control/guest_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "vmm/base/monotonic.h"
#include "vmm/memory/shared_file.h"

namespace hive::control {
namespace {

using agree::Evidence;
using detect::Time;

constexpr Time kSecond = 1'000'000'000;
constexpr Time kBeatPeriod = kSecond / 2;
constexpr unsigned kBeatsPerLoad = 2;

double seconds(Time time) { return static_cast<double>(time) / static_cast<double>(kSecond); }

}  // namespace

GuestWatch::GuestWatch(boost::asio::io_context& loop, const plan::Cell& cell,
                       const CellMachine& machine, Handlers handlers)
    : handlers_(std::move(handlers)),
      machine_(machine),
      timer_(loop),
      limit_(cell.watchdog * kSecond),
      vcpus_(cell.vcpus),
      watchdog_({limit_, cell.agent}) {}

void GuestWatch::start() {
  next_beat_ = monotonic_now();
  beat();
}

int GuestWatch::prepare() {
  detach();
  file_ = memory::make_shared_file("hive-progress", cell::Progress::kBytes);
  page_.emplace(file_.get());
  return file_.get();
}

void GuestWatch::attach(VmmInstance& vmm) {
  vmm_ = &vmm;
  file_.reset();
  loop_times_.emplace(vmm.pid(), vmm.pid());
  vcpu_times_.clear();
  vcpu_times_.resize(vcpus_);
  ran_ = waited_ = 0;
}

void GuestWatch::detach() {
  vmm_ = nullptr;
  page_.reset();
  loop_times_.reset();
  watchdog_.restart();
  silent_ = false;
  load_ = 0;
  sampled_ = 0;
}

void GuestWatch::beat() {
  const auto now = monotonic_now();
  if (vmm_ != nullptr) look(now - std::min(now, next_beat_), now);
  next_beat_ = now + kBeatPeriod;
  timer_.expires_at(time_point_of(next_beat_));
  timer_.async_wait([this](const auto& error) {
    if (!error) beat();
  });
}

void GuestWatch::look(Time late, Time now) {
  const detect::GuestSample sample = this->sample();
  publish(sample, now);
  const bool is_open = (*page_)->agent_open.load() != 0;
  if (!is_open) handlers_.on_port_closed();
  if (!machine_.guest_runs()) return look_at_held(sample, now);
  watchdog_.observe(sample, late, now);
  judge();
  if (vmm_ == nullptr) return;
  vmm_->agent().ping();
  if (is_open && ++beats_ % kBeatsPerLoad == 0) vmm_->agent().ask_load();
  if (watchdog_.wants_look()) vmm_->command(cell::Command::kLook);
}

void GuestWatch::look_at_held(const detect::GuestSample& sample, Time now) {
  const CellState state = machine_.state();
  // A suspension, or the way into one or out of it: what led to it holds.
  if (state == CellState::kRunning || state == CellState::kBooting) {
    return watchdog_.skip(sample, now);
  }
  watchdog_.restart();
  if (!machine_.is_suspended()) handlers_.on_hang({}, {});
}

detect::GuestSample GuestWatch::sample() {
  detect::GuestSample sample;
  const AgentPeer& agent = vmm_->agent();
  sample.answers = agent.answers();
  const bool is_up = agent.up() && (*page_)->agent_open.load() != 0;
  sample.expects_answers = is_up && agent.has_answered();
  sample.lost_agent = agent.has_greeted() && !sample.expects_answers;
  if (const auto times = loop_times_->read()) sample.held_up = times->waited;
  for (unsigned index = 0; index < vcpus_; ++index) sample.vcpus.push_back(sample_vcpu(index));
  return sample;
}

detect::VcpuSample GuestWatch::sample_vcpu(unsigned index) {
  detect::VcpuSample sample;
  const cell::VcpuProgress& vcpu = (*page_)->vcpus.at(index);
  sample.looks = vcpu.looks.load(std::memory_order_acquire);
  const std::uint32_t flags = vcpu.flags.load(std::memory_order_relaxed);
  sample.masked = (flags & cell::VcpuProgress::kMasked) != 0;
  sample.user = (flags & cell::VcpuProgress::kUser) != 0;
  sample.unstarted = (flags & cell::VcpuProgress::kUnstarted) != 0;
  sample.halted = (flags & cell::VcpuProgress::kHalted) != 0;
  sample.halts = vcpu.halts.load(std::memory_order_relaxed);
  sample.exits = vcpu.exits.load(std::memory_order_relaxed);
  std::optional<ThreadTimes>& times = vcpu_times_.at(index);
  const pid_t thread = vcpu.thread.load();
  if (!times && thread > 0) times.emplace(vmm_->pid(), thread);
  if (times) {
    const ThreadTimes::Sample latest = times->latest();
    sample.ran = latest.ran;
    sample.waited = latest.waited;
  }
  return sample;
}

void GuestWatch::publish(const detect::GuestSample& sample, Time now) {
  member::GuestFigures figures;
  figures.beat = sample.answers;
  for (unsigned index = 0; index < vcpus_; ++index) {
    figures.exits += (*page_)->vcpus.at(index).exits.load(std::memory_order_relaxed);
    figures.ran += sample.vcpus[index].ran;
    figures.waited += sample.vcpus[index].waited;
  }
  // Over some seconds, so that the figure is not one of chance.
  constexpr double kWeight = 0.25;
  if (sampled_ != 0 && now > sampled_ && figures.ran >= ran_) {
    const double share =
        static_cast<double>(figures.ran - ran_) / static_cast<double>(now - sampled_);
    load_ += kWeight * (share - load_);
  }
  sampled_ = now;
  ran_ = figures.ran;
  waited_ = figures.waited;
  handlers_.on_figures(figures);
}

void GuestWatch::judge() {
  const auto hang = watchdog_.hang();
  const bool silent = limit_ != 0 && watchdog_.silence() >= limit_;
  if (silent != silent_ && (!silent || !hang)) {
    silent_ = silent;
    handlers_.on_silence(
        silent, silent ? fmt::format("for {:.1f} s; no vCPU is stuck", seconds(watchdog_.silence()))
                       : std::string());
  }
  agree::EvidenceSet evidence;
  if (hang) evidence = Evidence::kVcpuStuck;
  if (hang && hang->silence != 0) evidence = evidence | Evidence::kAgentSilent;
  handlers_.on_hang(evidence, hang ? describe(*hang) : std::string());
}

std::string GuestWatch::describe(const detect::Hang& hang) const {
  const std::string agent = hang.silence == 0 ? std::string()
                                              : fmt::format(
                                                    "its agent has been silent for {:.1f} "
                                                    "s, and ",
                                                    seconds(hang.silence));
  if (hang.dead) {
    return fmt::format(
        "{}all vCPUs have halted with interrupts off, for {:.1f} s: nothing wakes them", agent,
        seconds(hang.stood));
  }
  if (hang.stood != 0) {
    return fmt::format("{}no vCPU has been in the guest for {:.1f} s, nor answered when looked at",
                       agent, seconds(hang.stood));
  }
  return fmt::format("{}vCPU {} has run for {:.1f} s on end in the kernel{}, last at {:#x}", agent,
                     hang.vcpu, seconds(hang.spun), hang.masked ? " with interrupts off" : "",
                     (*page_)->vcpus.at(hang.vcpu).rip.load());
}

std::optional<GuestCounts> GuestWatch::counts() const {
  if (vmm_ == nullptr || !page_) return std::nullopt;
  return read_counts(**page_, vcpus_);
}

std::optional<GuestWatch::MemoryReport> GuestWatch::memory_report() const {
  if (vmm_ == nullptr || !page_) return std::nullopt;
  constexpr std::uint64_t kMostPages = UINT64_MAX / kPageSize;
  const auto load = [](const auto& word) { return word.load(std::memory_order_acquire); };
  const cell::DeviceProgress& devices = (*page_)->devices;
  MemoryReport report;
  report.balloon_target = std::min(load(devices.balloon_target), kMostPages) * kPageSize;
  report.ballooned = std::min(load(devices.balloon_pages), kMostPages) * kPageSize;
  report.plug_target = load(devices.plug_target);
  report.plugged = load(devices.plugged_bytes);
  return report;
}

std::uint64_t GuestWatch::balloon_pages() const {
  return vmm_ == nullptr || !page_ ? 0 : (*page_)->devices.balloon_pages.load();
}

std::uint64_t GuestWatch::plugged_bytes() const {
  return vmm_ == nullptr || !page_ ? 0 : (*page_)->devices.plugged_bytes.load();
}

std::uint64_t GuestWatch::silent_ms() const { return watchdog_.silence() / 1'000'000; }

}  // namespace hive::control
