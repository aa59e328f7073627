#include "cellmon/control/log.h"

#include <spdlog/details/null_mutex.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>

#include <string_view>

namespace hive::control {
namespace {

class FileSink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit FileSink(BoundedFile& file) : file_(file) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    file_.append({line.data(), line.size()});
  }
  void flush_() override {}

 private:
  BoundedFile& file_;
};

}  // namespace

std::shared_ptr<spdlog::logger> make_log(BoundedFile& file) {
  auto log = std::make_shared<spdlog::logger>("", std::make_shared<FileSink>(file));
  log->set_formatter(std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %l %v",
                                                                 spdlog::pattern_time_type::utc));
  return log;
}

}  // namespace hive::control
