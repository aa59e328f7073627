#include "cellmon/cli/campaign/campaign_progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace hive::cli {
namespace {

constexpr std::size_t kBar = 20;

std::string time_left(double seconds) {
  if (seconds < 90) return fmt::format("{:.0f} s", seconds);
  if (seconds < 5400) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

}  // namespace

std::string describe(const CampaignProgress& progress, std::size_t width) {
  const std::uint64_t since =
      std::accumulate(progress.done.begin(), progress.done.end(), std::uint64_t{0});
  const std::uint64_t done = std::min(progress.before + since, progress.runs);
  const std::size_t full =
      progress.runs == 0 ? kBar : static_cast<std::size_t>(done * kBar / progress.runs);
  std::string text = fmt::format("[{}{}] {} of {}", std::string(full, '#'),
                                 std::string(kBar - full, '-'), done, progress.runs);
  const char* separator = "; ";
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    if (progress.done[i] == 0) continue;
    text += fmt::format("{}{} {}", separator, progress.done[i],
                        to_string(static_cast<campaign::Outcome>(i)));
    separator = ", ";
  }
  if (since > 0 && progress.seconds > 0) {
    const double rate = static_cast<double>(since) / progress.seconds;
    text += fmt::format("; {:.1f} a minute, {} left", rate * 60,
                        time_left(static_cast<double>(progress.runs - done) / rate));
  }
  return text.substr(0, width);
}

}  // namespace hive::cli
