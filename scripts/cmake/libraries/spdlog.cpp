// spdlog, compiled once: its package has no static library, and as headers it costs every source
// file that logs more time than the rest of it.
#include <spdlog/spdlog-inl.h>
//
#include <spdlog/common-inl.h>
#include <spdlog/details/backtracer-inl.h>
#include <spdlog/details/log_msg-inl.h>
#include <spdlog/details/log_msg_buffer-inl.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/details/os-inl.h>
#include <spdlog/details/periodic_worker-inl.h>
#include <spdlog/details/registry-inl.h>
#include <spdlog/logger-inl.h>
#include <spdlog/pattern_formatter-inl.h>
#include <spdlog/sinks/ansicolor_sink-inl.h>
#include <spdlog/sinks/base_sink-inl.h>
#include <spdlog/sinks/sink-inl.h>
#include <spdlog/sinks/stdout_color_sinks-inl.h>
#include <spdlog/sinks/stdout_sinks-inl.h>

#include <mutex>

namespace spdlog::sinks {

using details::console_mutex;
using details::console_nullmutex;

template class base_sink<std::mutex>;
template class base_sink<details::null_mutex>;
template class stdout_sink_base<console_mutex>;
template class stdout_sink_base<console_nullmutex>;
template class stdout_sink<console_mutex>;
template class stdout_sink<console_nullmutex>;
template class stderr_sink<console_mutex>;
template class stderr_sink<console_nullmutex>;
template class ansicolor_sink<console_mutex>;
template class ansicolor_sink<console_nullmutex>;
template class ansicolor_stdout_sink<console_mutex>;
template class ansicolor_stdout_sink<console_nullmutex>;
template class ansicolor_stderr_sink<console_mutex>;
template class ansicolor_stderr_sink<console_nullmutex>;

}  // namespace spdlog::sinks

template std::shared_ptr<spdlog::logger> spdlog::stdout_logger_mt<spdlog::synchronous_factory>(
    const std::string& name);
template std::shared_ptr<spdlog::logger> spdlog::stderr_logger_mt<spdlog::synchronous_factory>(
    const std::string& name);
