#include "cellmon/campaign/micro_check.h"

#include <fmt/format.h>

#include <charconv>

#include "guests/abi/micro_places.h"
#include "guests/abi/micro_work.h"

namespace hive::campaign {
namespace {

constexpr std::string_view kStart = "hive-work ";
constexpr std::uint64_t kWordsPerPage = 512;

/// Takes "NAME=HEX" and a blank, if there is one, from the front of TEXT.
bool take(std::string_view& text, std::string_view name, std::uint64_t& value) {
  if (!text.starts_with(name) || text.size() <= name.size() || text[name.size()] != '=') {
    return false;
  }
  text.remove_prefix(name.size() + 1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.starts_with(' ')) text.remove_prefix(1);
  return true;
}

}  // namespace

std::optional<MicroReport> parse_report(std::string_view line) {
  if (!line.starts_with(kStart)) return std::nullopt;
  line.remove_prefix(kStart.size());
  MicroReport report;
  const bool is_whole =
      take(line, "seed", report.seed) && take(line, "words", report.words) &&
      take(line, "rounds", report.rounds) && take(line, "digest", report.digest) &&
      take(line, "stamped", report.stamped) && take(line, "wrong", report.wrong) &&
      take(line, "check", report.check) && line.empty();
  return is_whole ? std::optional(report) : std::nullopt;
}

std::uint64_t words_of(const MicroWork& work, bool shares) {
  return (std::uint64_t{work.pages} + (shares ? micro::kOwnPages : 0)) * kWordsPerPage;
}

std::uint64_t expected_digest(std::uint64_t seed, std::uint64_t words, std::uint64_t rounds) {
  const std::uint64_t chunks = (words + HIVE_MICRO_WORK_CHUNK - 1) / HIVE_MICRO_WORK_CHUNK;
  std::uint64_t digest = 0;
  for (std::uint64_t word = 0; word < words; ++word) {
    const std::uint64_t chunk = word / HIVE_MICRO_WORK_CHUNK;
    const std::uint64_t times = rounds / chunks + (chunk < rounds % chunks ? 1 : 0);
    const std::uint64_t value =
        hive_micro_work_first(seed, word) + times * hive_micro_work_step(seed, word);
    digest = hive_micro_work_digest(digest, value);
  }
  return digest;
}

std::string fault_of(const MicroReport& report, std::uint64_t seed, std::uint64_t words) {
  if (report.seed != seed || report.words != words) {
    return fmt::format("it works on {} words from seed {}, not on {} from {}", report.words,
                       report.seed, words, seed);
  }
  const std::uint64_t wanted = expected_digest(seed, words, report.rounds);
  if (report.digest != wanted) {
    return fmt::format("its memory's digest after round {} is {:016x}, not {:016x}", report.rounds,
                       report.digest, wanted);
  }
  if (report.wrong != 0) {
    return fmt::format("{} words that only one other cell may write hold what it never wrote",
                       report.wrong);
  }
  return {};
}

}  // namespace hive::campaign
