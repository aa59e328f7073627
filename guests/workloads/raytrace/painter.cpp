#include "guests/workloads/raytrace/painter.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <span>
#include <thread>
#include <vector>

#include "guests/workloads/digest.h"

namespace hive::workloads {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::uint32_t kSceneTag = 0x454e4353;   // "SCNE" in memory.
constexpr std::uint32_t kFirstTileTag = 0x10000;  // Of tile 0; a picture has at most 65536.
constexpr std::size_t kTileRoom = Team::kObjectOverhead + Frame::kTileBytes;

class Painter {
 public:
  Painter(Team& team, const RaytraceTask& task)
      : team_(team),
        frame_(task.frame),
        scene_(make_scene(task.spheres, task.seed)),
        seen_scene_(scene_.size()),
        done_(task.frame.tiles()),
        left_(task.frame.tiles()),
        result_{Picture(task.frame)} {
    if (team_.rank() == 0) team_.publish(scene_place(), kSceneTag, scene_.data(), scene_bytes());
  }

  RaytraceResult run() {
    // A counter that was lost with its cell and starts anew hands out tiles again, but not for
    // ever.
    for (unsigned taken = 0; taken < 2 * frame_.tiles() && left_ > 0; ++taken) {
      const auto number = team_.count();
      if (!number || *number >= frame_.tiles()) break;
      if (!done_[*number] && !fetch(*number)) paint_tile(*number);
    }
    finish();
    return std::move(result_);
  }

 private:
  [[nodiscard]] std::size_t scene_place() const { return frame_.tiles() * kTileRoom; }
  [[nodiscard]] std::size_t scene_bytes() const { return scene_.size() * sizeof(Sphere); }

  /// Whether the scene in worker 0's area is what it has to be.
  bool shared_scene_is_right() {
    return team_.take(0, scene_place(), kSceneTag, seen_scene_.data(), scene_bytes()) &&
           std::memcmp(seen_scene_.data(), scene_.data(), scene_bytes()) == 0;
  }

  /// The tile as the shared scene shows it; where that is not there or was changed meanwhile, as
  /// this worker's own copy does.
  Tile make_tile(unsigned number) {
    if (shared_scene_is_right()) {
      const auto* spheres =
          reinterpret_cast<const Sphere*>(team_.area(0) + scene_place() + Team::kObjectOverhead);
      Tile tile = render(frame_, std::span(spheres, scene_.size()), number);
      if (shared_scene_is_right()) return tile;
    }
    return render(frame_, scene_, number);
  }

  void paint_tile(unsigned number) {
    const auto start = Clock::now();
    const Tile tile = make_tile(number);
    longest_ = std::max(longest_, Clock::now() - start);
    team_.publish(number * kTileRoom, kFirstTileTag + number, tile.data(), tile.size());
    ++result_.rendered;
    keep(number, tile);
  }

  void keep(unsigned number, const Tile& tile) {
    result_.picture.place(number, tile);
    done_[number] = true;
    --left_;
  }

  /// Takes a tile that another worker has rendered; whether there is one.
  bool fetch(unsigned number) {
    Tile tile(Frame::kTileBytes);
    for (unsigned rank = 0; rank < team_.workers(); ++rank) {
      if (rank == team_.rank()) continue;
      if (team_.take(rank, number * kTileRoom, kFirstTileTag + number, tile.data(), tile.size())) {
        keep(number, tile);
        return true;
      }
    }
    return false;
  }

  /// Takes what the others have rendered meanwhile; how many tiles.
  unsigned fetch_all() {
    const unsigned before = left_;
    for (unsigned number = 0; number < frame_.tiles() && left_ > 0; ++number) {
      if (!done_[number]) (void)fetch(number);
    }
    return before - left_;
  }

  /// Gets the tiles that others have in hand, or renders them where those do not come: who had them
  /// may have failed.
  void finish() {
    auto waited_since = Clock::now();
    while (left_ > 0) {
      if (fetch_all() > 0) waited_since = Clock::now();
      if (left_ == 0) return;
      if (Clock::now() - waited_since > 100ms + 4 * longest_) {
        paint_tile(first_missing());
      } else {
        std::this_thread::sleep_for(2ms);
      }
    }
  }

  /// Counted from this worker's share on, so that several who find the same tiles missing begin
  /// with different ones.
  [[nodiscard]] unsigned first_missing() const {
    unsigned number =
        static_cast<unsigned>(std::uint64_t{frame_.tiles()} * team_.rank() / team_.workers());
    while (done_[number]) number = (number + 1) % frame_.tiles();
    return number;
  }

  Team& team_;
  Frame frame_;
  std::vector<Sphere> scene_;
  std::vector<Sphere> seen_scene_;
  std::vector<bool> done_;
  unsigned left_;              ///< Tiles that are not done.
  Clock::duration longest_{};  ///< That a tile took.
  RaytraceResult result_;
};

}  // namespace

std::size_t raytrace_area(const RaytraceTask& task) {
  return task.frame.tiles() * kTileRoom + Team::kObjectOverhead + task.spheres * sizeof(Sphere);
}

std::uint64_t raytrace_key(const RaytraceTask& task) {
  Digest digest;
  digest.add("raytrace", 8);
  for (const std::uint64_t each :
       {std::uint64_t{task.frame.width}, std::uint64_t{task.frame.height},
        std::uint64_t{task.frame.samples}, std::uint64_t{task.spheres}, task.seed}) {
    digest.add(&each, sizeof each);
  }
  return digest.value();
}

RaytraceResult paint(Team& team, const RaytraceTask& task) {
  RaytraceResult result = Painter(team, task).run();
  team.leave();
  return result;
}

}  // namespace hive::workloads
