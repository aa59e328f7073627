#include "cellmon/cli/campaign/campaign_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include "cellmon/campaign/identity.h"
#include "cellmon/cli/output.h"
#include "cellmon/wire/json_rpc.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

/// Empty where there is none.
std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_file(const std::string& path, const std::string& text) {
  const std::string part = path + ".part";
  {
    const UniqueFd file(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!file) throw_errno("cannot make " + part);
    write_all(file.get(), text);
  }
  if (::rename(part.c_str(), path.c_str()) != 0) throw_errno("cannot make " + path);
}

}  // namespace

CampaignFolder::CampaignFolder(std::string path) : path_(std::move(path)) {
  std::error_code error;
  std::filesystem::create_directories(path_, error);
  folder_.reset(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder_) {
    throw_errno("cannot use folder " + path_, errno, "give another one with --out");
  }
  if (::flock(folder_.get(), LOCK_EX | LOCK_NB) != 0) {
    throw Error("another campaign writes to folder " + path_ +
                "; wait for its end, or give another one with --out");
  }
}

std::vector<campaign::Record> CampaignFolder::read() {
  const std::string text = read_file(runs_file());
  campaign::ReadRecords read = campaign::read_records(text);
  if (read.bad_line != 0) {
    throw Error(
        fmt::format("{}:{}: this line is no record of a run; remove it, or give another "
                    "folder with --out",
                    runs_file(), read.bad_line));
  }
  if (read.whole < text.size() && ::truncate(runs_file().c_str(), static_cast<off_t>(read.whole))) {
    throw_errno("cannot cut off the unfinished end of " + runs_file());
  }
  return std::move(read.records);
}

void CampaignFolder::claim(const std::string& identity,
                           std::span<const campaign::Record> records) const {
  const std::string path = path_ + "/identity";
  const std::string there = read_file(path);
  // A reference copy, too, is of one workload, though no run may have ended.
  const bool is_new = there.empty() && records.empty();
  const std::string what = is_new ? "" : campaign::identity_difference(there, identity);
  if (!what.empty()) {
    throw Error(
        fmt::format("{}: {} of its runs differ{} from what is given here: give another "
                    "folder with --out",
                    path_, what, what.find(" and ") == std::string::npos ? "s" : ""));
  }
  if (is_new) write_file(path, identity);
}

void CampaignFolder::append(const std::string& name, const campaign::Record& record) const {
  const std::string path = path_ + "/" + name;
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file) throw_errno("cannot write " + path);
  // One write: others append to it, too.
  const std::string line = campaign::to_line(record) + "\n";
  const ssize_t count = ::write(file.get(), line.data(), line.size());
  if (count != static_cast<ssize_t>(line.size())) {
    throw_errno("cannot write " + path, count < 0 ? errno : ENOSPC, "make room for it");
  }
}

void CampaignFolder::keep_events(const campaign::Record& record, bool repeats,
                                 std::span<const wire::Event> events) const {
  const std::string folder = path_ + "/evidence";
  std::filesystem::create_directories(folder);
  std::string text = campaign::to_line(record) + "\n";
  for (const wire::Event& event : events) {
    text += to_json(event).dump(-1, ' ', false, wire::Json::error_handler_t::replace) + "\n";
  }
  const std::string name = repeats ? fmt::format("repeat-{}-{}", record.drawn.run, record.wall_ns)
                                   : fmt::format("run-{}", record.drawn.run);
  write_file(fmt::format("{}/{}.jsonl", folder, name), text);
}

void CampaignFolder::write_report(const campaign::Document& report) const {
  write_file(path_ + "/report.md", campaign::to_markdown(report));
  write_file(path_ + "/report.html", campaign::to_html(report));
}

std::vector<std::uint64_t> missing_runs(std::uint64_t runs,
                                        std::span<const campaign::Record> records) {
  std::set<std::uint64_t> there;
  for (const campaign::Record& record : records) there.insert(record.drawn.run);
  std::vector<std::uint64_t> missing;
  for (std::uint64_t run = 0; run < runs; ++run) {
    if (!there.contains(run)) missing.push_back(run);
  }
  return missing;
}

void check_records(const std::vector<campaign::Record>& records, const campaign::Campaign& campaign,
                   std::uint64_t seed, const campaign::Cells& cells, const std::string& file) {
  std::set<std::uint64_t> there;
  for (const campaign::Record& record : records) {
    if (!there.insert(record.drawn.run).second) {
      throw Error(fmt::format("{}: run {} is there twice; remove one of its lines", file,
                              record.drawn.run));
    }
    const campaign::Draw drawn = campaign::draw(campaign, cells, seed, record.drawn.run);
    if (record.seed == seed && record.campaign == campaign.name && record.drawn == drawn) continue;
    throw Error(
        fmt::format("{}: run {} was {} of campaign {}, seed {}; here it would be {} of {}, "
                    "seed {}: give another folder with --out",
                    file, record.drawn.run, describe(record.drawn), record.campaign, record.seed,
                    describe(drawn), campaign.name, seed));
  }
}

}  // namespace hive::cli
