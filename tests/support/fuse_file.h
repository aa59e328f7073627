// A file whose storage a test watches and can bring to a halt.
#pragma once

#include <linux/fuse.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "vmm/base/unique_fd.h"

namespace hive::test {

/// One regular file, mounted by FUSE and served from memory, without a page cache. Needs root and
/// /dev/fuse. Its destructor fails what is still asked of the file.
class FuseFile {
 public:
  /// Why this process cannot have such a file; empty when it can.
  static std::string unavailable();

  /// A file of SIZE zero bytes. Throws Error.
  explicit FuseFile(std::size_t size);
  FuseFile(const FuseFile&) = delete;
  FuseFile& operator=(const FuseFile&) = delete;
  ~FuseFile();

  [[nodiscard]] const std::string& path() const { return path_; }

  /// From now on nothing that is asked of the file is answered, as when its server hangs.
  void stop();

  /// The reads, writes, fallocates and fsyncs so far, by FUSE's numbers.
  [[nodiscard]] std::vector<std::uint32_t> operations() const;

 private:
  void serve();
  void answer(const std::byte* request);
  /// Answers what is not about the file's content.
  void answer_about(const fuse_in_header& header);
  void read(const fuse_in_header& header, const std::byte* body);
  void write(const fuse_in_header& header, const std::byte* body);
  void reply(const fuse_in_header& request, int error, const void* data, std::size_t size);
  [[nodiscard]] fuse_attr attributes() const;

  std::string path_;
  std::vector<std::byte> content_;
  UniqueFd device_;
  mutable std::mutex mutex_;
  std::vector<std::uint32_t> operations_;  ///< Guarded by mutex_.
  std::atomic<bool> stopping_{false};
  std::thread server_;
};

}  // namespace hive::test
