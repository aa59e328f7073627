#include "cellmon/control/wax/wax_host.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <span>
#include <thread>
#include <utility>
#include <variant>

#include "vmm/base/monotonic.h"
#include "vmm/cell/policy_protocol.h"

namespace hive::control {
namespace {

constexpr std::chrono::milliseconds kLookPeriod{50};
/// Long enough that reading costs little, where a VMM floods its monitor.
constexpr std::chrono::milliseconds kHold{200};

static_assert(HIVE_WAX_MAX_BEATS * 1000 / cell::PolicyConfig{}.round_ms < WaxHost::kBeatRate);

}  // namespace

WaxHost::WaxHost(boost::asio::io_context& loop, std::size_t cells, const Members& members,
                 Handlers handlers)
    : loop_(loop),
      members_(members),
      handlers_(std::move(handlers)),
      rates_(cells, TokenBucket(kHintRate, kHintBurst)),
      packets_(packet_limit()),
      look_(loop),
      hold_(loop) {}

void WaxHost::start() {
  look_.arm(kLookPeriod, [this] { look(); });
}

WaxIncarnations::Scene WaxHost::scene() const {
  return {members_.view().epoch, members_.page_generation()};
}

cell::PolicyConfig WaxHost::config() const {
  cell::PolicyConfig config;
  config.pages = members_.page_files();
  config.epoch = members_.view().epoch;
  config.cpus = std::thread::hardware_concurrency();
  return config;
}

void WaxHost::attach(UniqueFd link, Incarnation incarnation) {
  incarnation_ = incarnation;
  dropped_ = 0;
  ++counts_.incarnations;
  counts_.rounds = 0;
  change_.clear();
  packets_ = packet_limit();  // It begins with as much as it may send.
  incarnations_.started(scene(), monotonic_now());
  link_.emplace(loop_, std::move(link), cell::kMaxPolicyPacket,
                wire::PacketSocket::Handlers{
                    [this](std::string_view bytes, const std::vector<UniqueFd>& /*files*/) {
                      take(bytes);
                      hold_back();
                    },
                    [this] {
                      ++counts_.malformed;
                      hold_back();
                    }});
}

void WaxHost::not_started() {
  incarnations_.started(scene(), monotonic_now());
  incarnations_.ended(monotonic_now());
}

void WaxHost::detach() {
  link_.reset();
  hold_.disarm();
  incarnations_.ended(monotonic_now());
}

void WaxHost::take(std::string_view bytes) {
  const auto packet = cell::parse_policy_packet(std::as_bytes(std::span(bytes)));
  if (!packet) {
    ++counts_.malformed;
  } else if (const auto* beat = std::get_if<cell::PolicyBeat>(&*packet)) {
    // A guest that does not run does no rounds, whatever its VMM says.
    if (handlers_.guest_runs()) incarnations_.beat(beat->rounds, monotonic_now());
    counts_.rounds = incarnations_.rounds();
    counts_.dropped += beat->dropped - std::min(beat->dropped, dropped_);
    dropped_ = std::max(dropped_, beat->dropped);
  } else {
    take(std::get<cell::PolicyHint>(*packet).hint);
  }
}

TokenBucket WaxHost::packet_limit() const {
  return {static_cast<std::uint32_t>(kHintRate * rates_.size()) + kBeatRate,
          HIVE_WAX_MAX_HINTS + kBeatRate};
}

void WaxHost::hold_back() {
  if (!link_ || packets_.take(monotonic_now())) return;
  link_->hold();
  hold_.arm(kHold, [this] { link_->resume(); });
}

void WaxHost::take(const hive_wax_hint& hint) {
  ++counts_.hints;
  const bool is_present = hint.epoch == members_.view().epoch && hint.epoch == epoch() &&
                          hint.incarnation == incarnation_;
  if (!is_present) {
    ++counts_.stale;
    return;
  }
  switch (pass_on(hint)) {
    case Fate::kNowhere:
      ++counts_.nowhere;
      break;
    case Fate::kTooMany:
      ++counts_.too_many;
      break;
    case Fate::kPassedOn:
      ++counts_.passed_on;
      break;
  }
}

WaxHost::Fate WaxHost::pass_on(const hive_wax_hint& hint) {
  if (hint.cell >= rates_.size()) return Fate::kNowhere;
  const Time time = monotonic_now();
  if (hint.kind != HIVE_WAX_PLACE) return pass_on(hint.cell, hint, time);
  // All cells place new sections.
  Fate best = Fate::kNowhere;
  for (std::size_t cell = 0; cell < rates_.size(); ++cell) {
    best = std::max(best, pass_on(cell, hint, time));
  }
  return best;
}

WaxHost::Fate WaxHost::pass_on(std::size_t cell, const hive_wax_hint& hint, Time time) {
  if (!rates_[cell].take(time)) return Fate::kTooMany;
  return handlers_.pass_on(static_cast<CellId>(cell), hint) ? Fate::kPassedOn : Fate::kNowhere;
}

std::string WaxHost::Rogue::cmdline() const {
  return floods ? "mode=flood" : fmt::format("mode=garbage seed={}", seed);
}

std::string WaxHost::Rogue::program(const std::string& wax) {
  return wax.substr(0, wax.rfind('/') + 1) + "rogue_wax.elf";
}

void WaxHost::set_rogue(const Rogue& rogue, std::optional<std::chrono::milliseconds> duration) {
  rogue_ = rogue;
  rogue_until_ = agree::kNever;
  if (duration) {
    rogue_until_ = monotonic_now() + static_cast<Time>(std::chrono::nanoseconds(*duration).count());
  }
  change_ = "a rogue takes its place";
}

void WaxHost::look() {
  look_.arm(kLookPeriod, [this] { look(); });
  const Time time = monotonic_now();
  incarnations_.waited(handlers_.waited());
  if (!handlers_.guest_runs()) incarnations_.held(time);
  if (!members_.may_start()) return;  // The others are not done with what has happened.
  if (handlers_.is_paused()) return;
  if (rogue_ && time >= rogue_until_) {
    rogue_.reset();
    change_ = "the rogue's time is over";
  }
  std::string why = incarnations_.next(scene(), handlers_.has_failed(), time);
  if (why.empty() && !incarnations_.is_asked()) why = std::exchange(change_, {});
  if (why.empty()) return;
  incarnations_.asked();
  handlers_.restart(why);
}

}  // namespace hive::control
