#include <cstdio>
#include <fstream>
#include <optional>
#include <ostream>
#include <string>

#include "guests/workloads/digest.h"
#include "guests/workloads/program.h"
#include "guests/workloads/programs.h"
#include "guests/workloads/raytrace/painter.h"
#include "vmm/base/error.h"

namespace hive::workloads {
namespace {

constexpr const char* kFooter = R"(
The same in each cell of a machine; each needs `shared` memory for a picture:
  hive-raytrace --width 320 --height 240
The digest is that of the picture's pixels, and the same for any number of workers. Where a worker's
cell fails, the others render its tiles, and all that are left print the digest.)";

struct Options {
  Workers workers;
  RaytraceTask task;
  std::string ppm;
};

void write_picture(const Picture& picture, const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  picture.write(file);
  file.close();
  if (!file) throw Error("cannot write " + path);
}

void work(const Options& options, std::ostream& out, std::ostream& err,
          const sdk::DevicePaths& paths) {
  std::optional<RaytraceResult> result;
  Job job;
  job.key = raytrace_key(options.task);
  job.with_all = false;
  job.area = [&](unsigned) { return raytrace_area(options.task); };
  job.work = [&](Team& team) {
    RaytraceResult own = paint(team, options.task);
    if (options.workers.alone && team.rank() != 0) return;
    for (unsigned rank = 0; rank < team.workers(); ++rank) {
      if (!team.takes_part(rank)) {
        err << "hive-raytrace: worker " << rank << " has not come; the others did its part\n";
      }
    }
    result = std::move(own);
  };
  const double seconds = do_job(options.workers, job, paths);
  const Frame& frame = options.task.frame;
  Digest digest;
  digest.add(result->picture.pixels().data(), result->picture.pixels().size());
  out << "raytrace: " << frame.width << 'x' << frame.height << ", " << options.task.spheres
      << " spheres, digest " << digest.text() << '\n';
  if (options.workers.tell_time) {
    out << "time: " << seconds << " s, " << result->rendered << " of " << frame.tiles()
        << " tiles here\n";
  }
  if (!options.ppm.empty()) write_picture(result->picture, options.ppm);
}

}  // namespace

int run_raytrace(int argc, const char* const* argv, std::ostream& out, std::ostream& err,
                 const sdk::DevicePaths& paths) {
  CLI::App app("A ray tracer whose tiles are dealt over cells", "hive-raytrace");
  Options options;
  Frame& frame = options.task.frame;
  app.add_option("--width", frame.width, "Of the picture, in pixels (default: 160)")
      ->check(CLI::Range(1U, Frame::kMostPixels));
  app.add_option("--height", frame.height, "Likewise (default: 120)")
      ->check(CLI::Range(1U, Frame::kMostPixels));
  app.add_option("--samples", frame.samples, "Rays for each pixel, squared (default: 1)")
      ->check(CLI::Range(1U, 8U));
  app.add_option("--spheres", options.task.spheres, "In the scene (default: 40)")
      ->check(CLI::Range(1U, kMostSpheres));
  app.add_option("--seed", options.task.seed, "That the scene is drawn from (default: 1)");
  app.add_option("--ppm", options.ppm, "Write the picture to FILE, too")->type_name("FILE");
  add_options(app, options.workers, "raytrace");
  app.footer(kFooter);
  return run_program(app, argc, argv, out, err, [&] { work(options, out, err, paths); });
}

}  // namespace hive::workloads
