#include "cellmon/wire/line_buffer.h"

namespace hive::wire {

void LineBuffer::feed(std::string_view bytes) {
  if (overflowed_) return;
  buffer_.erase(0, used_);
  used_ = 0;
  buffer_.append(bytes);
}

std::optional<std::string> LineBuffer::next() {
  if (overflowed_) return std::nullopt;
  const std::size_t end = buffer_.find('\n', used_);
  const std::size_t length = (end == std::string::npos ? buffer_.size() : end + 1) - used_;
  if (length > max_line_ || (end == std::string::npos && length == max_line_)) {
    overflowed_ = true;
    buffer_.clear();
    buffer_.shrink_to_fit();
    used_ = 0;
    return std::nullopt;
  }
  if (end == std::string::npos) return std::nullopt;
  std::string line = buffer_.substr(used_, length - 1);
  used_ += length;
  return line;
}

}  // namespace hive::wire
