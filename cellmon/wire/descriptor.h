// Descriptors on a process's loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "vmm/base/unique_fd.h"

namespace hive::wire {

/// Hands FD to LOOP. Throws boost::system::system_error, with FD closed, when the loop cannot watch
/// it.
inline boost::asio::posix::stream_descriptor watch(boost::asio::io_context& loop, UniqueFd fd) {
  boost::asio::posix::stream_descriptor descriptor(loop, fd.get());
  (void)fd.release();  // The descriptor owns it now.
  return descriptor;
}

}  // namespace hive::wire
