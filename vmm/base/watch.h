// Descriptors on a process's loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <optional>
#include <utility>

#include "vmm/base/unique_fd.h"

namespace hive {

/// Hands FD to LOOP. Nothing, with FD closed and ERROR saying why, when the loop cannot watch it:
/// the kernel has no memory, or this user watches too many descriptors.
inline std::optional<boost::asio::posix::stream_descriptor> try_watch(
    boost::asio::io_context& loop, UniqueFd fd, boost::system::error_code& error) {
  std::optional<boost::asio::posix::stream_descriptor> descriptor(loop);
  descriptor->assign(fd.get(), error);
  if (error) return std::nullopt;
  (void)fd.release();  // The descriptor owns it now.
  return descriptor;
}

/// The same where there is somebody to catch: throws boost::system::system_error, with FD closed.
inline boost::asio::posix::stream_descriptor watch(boost::asio::io_context& loop, UniqueFd fd) {
  boost::system::error_code error;
  auto descriptor = try_watch(loop, std::move(fd), error);
  if (!descriptor) throw boost::system::system_error(error, "cannot watch a descriptor");
  return std::move(*descriptor);
}

}  // namespace hive
