#include "cellmon/cli/campaign/campaign_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "cellmon/cli/output.h"
#include "cellmon/wire/json_rpc.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

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
  std::ifstream file(runs_file(), std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
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

void check_records(const std::vector<campaign::Record>& records, const campaign::Campaign& campaign,
                   std::uint64_t seed, std::span<const std::string> cells,
                   const std::string& file) {
  for (const campaign::Record& record : records) {
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
