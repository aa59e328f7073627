#include "guests/agent/port_writer.h"

#include <unistd.h>

#include <cerrno>

#include "guests/abi/agent_codec.h"

namespace hive::agent {

void PortWriter::send(std::uint16_t type, std::uint32_t session, std::string_view payload) {
  frames_.push_back(abi::encode_frame(type, session, payload));
  queued_ += frames_.back().size();
}

bool PortWriter::flush() {
  while (!frames_.empty()) {
    const std::string& frame = frames_.front();
    const ssize_t count = ::write(fd_, frame.data() + written_, frame.size() - written_);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    written_ += static_cast<std::size_t>(count);
    if (written_ < frame.size()) return true;
    queued_ -= frame.size();
    written_ = 0;
    frames_.pop_front();
  }
  return true;
}

}  // namespace hive::agent
