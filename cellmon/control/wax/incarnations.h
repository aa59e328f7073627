// When Wax is to be started anew: a state machine without I/O.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

namespace hive::control {

/// Follows the incarnations of Wax. Each is for one view of the machine and one set of state pages,
/// and ends with them; the next one builds its picture from scratch.
///
/// Times are of the host's monotonic clock, in nanoseconds.
class WaxIncarnations {
 public:
  using Time = std::uint64_t;

  /// One that has done no round for that long hangs. Waits for a CPU do not count...
  static constexpr Time kHangLimit = 5'000'000'000;
  /// ...but for one that has done none for that long with them.
  static constexpr Time kStarvedLimit = 60'000'000'000;
  /// How long after the end of one that has failed the next is started: at first, and at most. The
  /// wait doubles each time, and begins anew after one that has done rounds and lived for
  /// kLongLife.
  static constexpr Time kFirstWait = 100'000'000;
  static constexpr Time kLongestWait = 10'000'000'000;
  static constexpr Time kLongLife = 1'000'000'000;

  /// What an incarnation is for.
  struct Scene {
    std::uint64_t epoch = 0;
    std::uint64_t pages = 0;  ///< Grows whenever another page takes the place of one.

    friend bool operator==(const Scene&, const Scene&) = default;
  };

  /// One is started, for SCENE.
  void started(const Scene& scene, Time now);
  /// It has done ROUNDS in all, as it says; or nothing is expected of it, as it is held.
  void beat(std::uint64_t rounds, Time now);
  void held(Time now);
  /// Its vCPU has waited WAITED for a CPU since its VMM's start.
  void waited(Time waited);
  /// It has ended.
  void ended(Time now);

  /// The next one has been asked for: it starts when this one's VMM has ended, unless that fails.
  void asked() { is_asked_ = true; }
  [[nodiscard]] bool is_asked() const { return is_asked_; }

  /// Why the next one is to be asked for now; empty: it is not. HAS_FAILED: the last one's cell
  /// has, so what was asked of it is over.
  [[nodiscard]] std::string next(const Scene& scene, bool has_failed, Time now) const;
  /// Why the one that runs is to end now; empty: it is not.
  [[nodiscard]] std::string end(const Scene& scene, Time now) const;
  /// Whether the last one, if it has failed, is to be followed by the next now.
  [[nodiscard]] bool is_due(Time now) const { return !runs() && now >= due_; }

  [[nodiscard]] bool runs() const { return started_ != 0; }
  [[nodiscard]] const Scene& scene() const { return scene_; }
  [[nodiscard]] std::uint64_t rounds() const { return rounds_; }

 private:
  Scene scene_;
  Time started_ = 0;  ///< 0: none runs.
  Time beat_at_ = 0;
  Time waited_ = 0;   ///< As was said last.
  Time starved_ = 0;  ///< Of that, since it has done a round.
  std::uint64_t rounds_ = 0;
  bool is_asked_ = false;
  Time wait_ = kFirstWait;
  Time due_ = 0;
};

}  // namespace hive::control
