#include "cellmon/cli/campaign/campaign_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "cellmon/campaign/story.h"
#include "cellmon/campaign/verdict.h"
#include "cellmon/inject/catalogue.h"
#include "vmm/base/monotonic.h"

namespace hive::cli {
namespace {

using campaign::Observation;
using campaign::Outcome;
using campaign::Story;
using std::chrono::steady_clock;

constexpr Milliseconds kStep{10};
constexpr int kBoots = 3;

/// How long after a doubt it is settled: a monitor is asked, and has 2 seconds to answer.
constexpr std::uint64_t kDoubtNs = 2'500'000'000;

/// How long a machine that is kept may take until all cells are linked again.
constexpr Milliseconds kLinkLimit{5'000};

/// For the last look at the survivors, when `limit` has passed.
constexpr Milliseconds kLastLook{10'000};

std::int64_t wall_ns() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

}  // namespace

CampaignRunner::CampaignRunner(Settings settings, const SignalFd& signals)
    : settings_(std::move(settings)),
      signals_(signals),
      workload_(
          make_workload(settings_.campaign, settings_.plan, settings_.folder, settings_.base)) {}

void CampaignRunner::boot() {
  // A host that is busy may be too slow once.
  for (int left = kBoots - 1;; --left) {
    earlier_.clear();
    workload_->reset();
    try {
      machine_ = std::make_unique<BootedMachine>(settings_.plan, settings_.run_dir, signals_,
                                                 *workload_, settings_.campaign.boot);
      return workload_->prepare(*machine_);
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& error) {
      machine_.reset();
      if (settings_.stops()) throw Interrupted();
      if (left == 0) throw;
      fmt::print(stderr, "hive: campaign: {}; another machine is started\n", error.what());
    }
  }
}

void CampaignRunner::make_ready() {
  if (machine_ && earlier_.size() >= settings_.keep) machine_.reset();
  // A fault that strikes late may have left a cell behind that seemed to be well.
  if (machine_ && !machine_->await_linked(kLinkLimit)) give_up_machine();
  if (!machine_) return boot();
  try {
    workload_->prepare(*machine_);
  } catch (const Interrupted&) {
    throw;
  } catch (const WrongWork&) {
    throw;
  } catch (const Error& error) {
    give_up_machine();
    fmt::print(stderr, "hive: campaign: {}; another machine is started\n", error.what());
    boot();
  }
}

bool CampaignRunner::is_quiet() const {
  if (earlier_.empty()) return true;
  const Story story = read_story(machine_->events(), last_, machine_->cells());
  return story.lost.empty() && story.at_rest && story.turns == last_turns_;
}

Observation CampaignRunner::look_back() {
  const std::size_t hit = machine_->index_of(last_.cell);
  std::vector<bool> expected(machine_->cells().names.size(), true);
  expected[hit] = false;
  const auto limit = steady_clock::now() + settings_.campaign.limit + kLastLook;
  Observation late;
  std::optional<std::size_t> asked;  // The story's turns, then.
  for (;;) {
    wait(kStep);
    late.story = read_story(machine_->events(), last_, machine_->cells());
    if (steady_clock::now() >= limit || !late.story.lost.empty()) break;
    if (!late.story.at_rest) continue;
    if (asked != late.story.turns) {
      workload_->ask(*machine_, expected);
      asked = late.story.turns;
    } else if (workload_->has_answers(*machine_)) {
      break;
    }
  }
  // Who was lost need not have been asked.
  if (late.story.lost.empty()) late.looks = workload_->looks();
  for (campaign::CellLook& look : late.looks) look.hit = look.cell == last_.cell;
  return late;
}

void CampaignRunner::give_up_machine() {
  if (!earlier_.empty()) {
    std::string why;
    for (const std::string& reason : harm(look_back())) why += (why.empty() ? "" : "; ") + reason;
    if (!why.empty()) throw WrongWork(why);
  }
  machine_.reset();
}

void CampaignRunner::wait(Milliseconds time) { machine_->pump(time); }

bool CampaignRunner::returns_by_itself(std::size_t cell) const {
  return settings_.plan.cells[cell].on_failure == plan::OnFailure::kReboot;
}

void CampaignRunner::restart(std::size_t cell) {
  machine_->send(cell, "reboot", {{"force", true}});
}

campaign::Record CampaignRunner::run(const campaign::Draw& drawn) {
  const auto begin = steady_clock::now();
  events_.clear();
  campaign::Record record;
  record.campaign = settings_.campaign.name;
  record.seed = settings_.seed;
  record.drawn = drawn;
  Observation observation;
  try {
    for (;;) {
      make_ready();
      workload_->begin(*machine_, drawn);
      wait(drawn.delay);
      if (is_quiet()) break;
      give_up_machine();
    }
    machine_->forget_events();
    const campaign::Strike strike{drawn.cell, monotonic_now()};
    record.wall_ns = wall_ns();
    Injection injection = machine_->inject(drawn);
    observation.leaves_marks = inject::leaves_marks(inject::find(drawn.fault)->kind);
    observation.refusal = std::move(injection.refusal);
    observation.is_certain = injection.is_certain;
    watch(strike, duration_of(drawn), observation);
    settle(record, observation);
  } catch (const WrongWork& wrong) {
    if (!machine_) throw;
    book_late_harm(record, wrong);
  } catch (...) {
    machine_.reset();
    throw;
  }
  record.took_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<Milliseconds>(steady_clock::now() - begin).count());
  return record;
}

void CampaignRunner::settle(campaign::Record& record, const Observation& observation) {
  campaign::Verdict verdict = judge(observation);
  const bool keep = is_whole(observation, verdict);
  record.outcome = verdict.outcome;
  record.reasons = std::move(verdict.reasons);
  record.evidence = observation.story.evidence;
  record.put_out = observation.story.put_out;
  record.unchecked = unchecked(observation);
  record.times = observation.story.times;
  finish(record, keep);
}

void CampaignRunner::book_late_harm(campaign::Record& record, const WrongWork& wrong) {
  record.outcome = Outcome::kEscaped;
  record.before_fault = true;
  record.reasons = {std::string(wrong.what()) + "; it was right after the runs before"};
  record.wall_ns = wall_ns();
  finish(record, false);
}

void CampaignRunner::finish(campaign::Record& record, bool keep) {
  record.earlier = earlier_;
  earlier_.push_back(record.drawn.run);
  events_ = machine_->events();
  if (!keep) machine_.reset();
}

void CampaignRunner::verify(const Story& story, std::size_t hit) {
  std::vector<bool> expected(machine_->cells().names.size(), true);
  expected[hit] = !story.put_out || story.returned;
  workload_->ask(*machine_, expected);
}

void CampaignRunner::watch(campaign::Strike strike, Milliseconds duration,
                           Observation& observation) {
  const std::size_t hit = machine_->index_of(strike.cell);
  const auto start = steady_clock::now();
  const auto enough = start + settings_.campaign.settle + duration;
  const auto limit = std::max(start + settings_.campaign.limit, enough);
  const std::uint64_t sent = strike.time;
  bool restarted = false;
  std::optional<std::size_t> asked;  // The story's turns, then.
  for (;;) {
    wait(kStep);
    strike.time = campaign::strike_time(machine_->events(), strike.cell, sent).value_or(sent);
    Story& story = observation.story;
    story = read_story(machine_->events(), strike, machine_->cells());
    // Who stays away needs somebody who starts it anew, which its own monitor can.
    if (story.put_out && !returns_by_itself(hit)) {
      observation.expects_return = restarted || machine_->has_monitor(hit);
      if (!restarted && story.put_out_everywhere && story.recovered && story.at_rest &&
          machine_->has_monitor(hit)) {
        restart(hit);
        restarted = true;
      }
    } else {
      observation.expects_return = true;
    }
    const auto now = steady_clock::now();
    const bool late = now >= limit;
    if (late && now >= limit + kLastLook) break;
    const bool is_doubted = story.doubt && monotonic_now() < *story.doubt + kDoubtNs;
    const bool long_enough = (now >= enough || !observation.refusal.empty()) && !is_doubted;
    if (!late && !is_over(story, observation.expects_return, long_enough)) continue;
    last_ = strike;
    last_turns_ = story.turns;
    if (asked != story.turns) {
      verify(story, hit);
      asked = story.turns;
    } else if (workload_->has_answers(*machine_)) {
      break;
    }
  }
  observation.looks = workload_->looks();
  observation.looks[hit].hit = true;
}

}  // namespace hive::cli
