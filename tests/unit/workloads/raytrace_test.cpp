// The ray tracer, and that its picture comes out the same whoever renders which tile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <sstream>
#include <thread>
#include <vector>

#include "guests/workloads/digest.h"
#include "guests/workloads/raytrace/painter.h"
#include "guests/workloads/team/thread_team.h"

namespace {

using hive::workloads::Frame;
using hive::workloads::make_scene;
using hive::workloads::Picture;
using hive::workloads::RaytraceTask;
using hive::workloads::Sphere;
using hive::workloads::Team;
using hive::workloads::trace;
using hive::workloads::Vector;

RaytraceTask small_task() { return {{70, 50, 1}, 12, 7}; }

std::vector<unsigned char> render_plainly(const RaytraceTask& task) {
  Picture picture(task.frame);
  const std::vector<Sphere> scene = make_scene(task.spheres, task.seed);
  for (unsigned tile = 0; tile < task.frame.tiles(); ++tile) {
    picture.place(tile, render(task.frame, scene, tile));
  }
  return picture.pixels();
}

TEST(Raytrace, TheFloorIsInTheShadowOfASphere) {
  const Sphere ball{{0, 1, 0}, 0.5, {1, 1, 1}, 0};
  const Vector down = hive::workloads::unit({-1, -1, -1});
  // The lamp is at (-6, 12, -8): the ball's shadow lies on the other side of it.
  const Vector from = Vector{0.55, 0, 0.73} - down * 3;
  const Vector lit = trace({}, from, down);
  const Vector shaded = trace(std::span(&ball, 1), from, down);
  EXPECT_LT(shaded.x, lit.x * 0.6);
}

TEST(Raytrace, AMirrorShowsWhatIsBehindTheEye) {
  const Sphere mirror{{0, 3, 0}, 1, {0, 0, 0}, 1};
  const Vector seen = trace(std::span(&mirror, 1), {0, 3, -5}, {0, 0, 1});
  const Vector behind = trace({}, {0, 3, -1}, {0, 0, -1});
  EXPECT_NEAR(seen.z, behind.z, 0.05);
  EXPECT_GT(behind.z, 0.5) << "the sky";
}

TEST(Raytrace, WhateverIsInTheSceneIsTraced) {
  const double never = std::numeric_limits<double>::infinity();
  Sphere wild;
  std::memset(static_cast<void*>(&wild), 0xff, sizeof wild);
  const std::vector<Sphere> scene{
      wild, {{never, 0, 1}, never, {-1, 1e300, 0}, 17}, Sphere{{}, 0, {}, 0}};
  const Frame frame{16, 16, 1};
  EXPECT_EQ(render(frame, scene, 0).size(), Frame::kTileBytes);
}

TEST(Raytrace, WritesPpm) {
  const Frame frame{20, 10, 1};
  Picture picture(frame);
  picture.place(1, hive::workloads::Tile(Frame::kTileBytes, 9));
  std::ostringstream out;
  picture.write(out);
  const std::string ppm = out.str();
  ASSERT_EQ(ppm.substr(0, 13), "P6\n20 10\n255\n");
  ASSERT_EQ(ppm.size(), 13U + 20 * 10 * 3);
  EXPECT_EQ(ppm[13 + 15 * 3], 0);
  EXPECT_EQ(ppm[13 + 16 * 3], 9);
}

TEST(Raytrace, IsTheSameHoweverItIsPartitioned) {
  const RaytraceTask task = small_task();
  const auto wanted = render_plainly(task);
  for (const unsigned workers : {1U, 2U, 4U}) {
    std::vector<std::vector<unsigned char>> pictures(workers);
    hive::workloads::run_in_threads(workers, raytrace_area(task), [&](Team& team) {
      pictures[team.rank()] = paint(team, task).picture.pixels();
    });
    for (const auto& picture : pictures) EXPECT_EQ(picture, wanted) << workers;
  }
}

TEST(Raytrace, AnotherSeedIsAnotherPicture) {
  RaytraceTask task = small_task();
  const auto first = render_plainly(task);
  ++task.seed;
  EXPECT_NE(render_plainly(task), first);
}

TEST(Raytrace, TheOthersRenderWhatAWorkerLeavesUndone) {
  const RaytraceTask task = small_task();
  const auto wanted = render_plainly(task);
  hive::workloads::run_in_threads(3, raytrace_area(task), [&](Team& team) {
    if (team.rank() == 1) {
      for (int i = 0; i < 5; ++i) team.count();  // Takes tiles, and never renders them.
      return;
    }
    EXPECT_EQ(paint(team, task).picture.pixels(), wanted);
  });
}

TEST(Raytrace, ASceneThatIsCorruptedChangesNothing) {
  const RaytraceTask task = small_task();
  const auto wanted = render_plainly(task);
  hive::workloads::run_in_threads(2, raytrace_area(task), [&](Team& team) {
    if (team.rank() == 0) {
      // In the scene's place: one of other spheres, whole and sound.
      const auto other = make_scene(task.spheres, task.seed + 1);
      team.publish(raytrace_area(task) - Team::kObjectOverhead - other.size() * sizeof(Sphere),
                   0x454e4353, other.data(), other.size() * sizeof(Sphere));
      return;
    }
    EXPECT_EQ(paint(team, task).picture.pixels(), wanted);
  });
}

TEST(Digest, IsFnv1a) {
  hive::workloads::Digest digest;
  EXPECT_EQ(digest.text(), "cbf29ce484222325");
  digest.add("foobar", 6);
  EXPECT_EQ(digest.text(), "85944171f73967e8");
}

}  // namespace
