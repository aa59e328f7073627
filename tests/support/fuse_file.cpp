#include "tests/support/fuse_file.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "vmm/base/error.h"

namespace hive::test {
namespace {

constexpr std::uint32_t kMaxWrite = 128 * 1024;
constexpr std::uint64_t kForEver = 3600;  // Seconds that attributes may be kept.

}  // namespace

std::string FuseFile::unavailable() {
  try {
    const FuseFile file(4096);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

FuseFile::FuseFile(std::size_t size) : path_("/tmp/hive-fuse-XXXXXX"), content_(size) {
  const UniqueFd mountpoint(::mkstemp(path_.data()));
  if (!mountpoint) throw_errno(path_);
  device_.reset(::open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  const std::string options =
      "fd=" + std::to_string(device_.get()) + ",rootmode=100000,user_id=0,group_id=0";
  if (!device_ ||
      ::mount("hive-test", path_.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) != 0) {
    const int error = errno;
    ::unlink(path_.c_str());
    throw_errno("cannot mount a file by FUSE", error, "run as root, with /dev/fuse");
  }
  server_ = std::thread([this] { serve(); });
}

FuseFile::~FuseFile() {
  stop();
  ::umount2(path_.c_str(), MNT_DETACH);
  device_.reset();  // Who waits for an answer gets an error.
  ::unlink(path_.c_str());
}

void FuseFile::stop() {
  stopping_ = true;
  if (server_.joinable()) server_.join();
}

std::vector<std::uint32_t> FuseFile::operations() const {
  const std::lock_guard lock(mutex_);
  return operations_;
}

void FuseFile::serve() {
  std::vector<std::byte> buffer(kMaxWrite + 4096);
  while (!stopping_) {
    pollfd entry{device_.get(), POLLIN, 0};
    if (::poll(&entry, 1, 10) != 1) continue;
    const ssize_t size = ::read(device_.get(), buffer.data(), buffer.size());
    if (size >= static_cast<ssize_t>(sizeof(fuse_in_header))) answer(buffer.data());
  }
}

void FuseFile::answer(const std::byte* request) {
  fuse_in_header header;
  std::memcpy(&header, request, sizeof header);
  const std::byte* body = request + sizeof header;
  switch (header.opcode) {
    case FUSE_READ:
    case FUSE_WRITE:
    case FUSE_FALLOCATE:
    case FUSE_FSYNC: {
      const std::lock_guard lock(mutex_);
      operations_.push_back(header.opcode);
      break;
    }
    default:
      return answer_about(header);
  }
  if (header.opcode == FUSE_READ) return read(header, body);
  if (header.opcode == FUSE_WRITE) return write(header, body);
  reply(header, 0, nullptr, 0);
}

void FuseFile::answer_about(const fuse_in_header& header) {
  switch (header.opcode) {
    case FUSE_INIT: {
      fuse_init_out out{};
      out.major = FUSE_KERNEL_VERSION;
      out.minor = 31;
      out.max_write = kMaxWrite;
      return reply(header, 0, &out, sizeof out);
    }
    case FUSE_GETATTR: {
      fuse_attr_out out{};
      out.attr_valid = kForEver;
      out.attr = attributes();
      return reply(header, 0, &out, sizeof out);
    }
    case FUSE_STATFS: {
      const fuse_statfs_out out{};
      return reply(header, 0, &out, sizeof out);
    }
    case FUSE_OPEN: {
      fuse_open_out out{};
      out.open_flags = FOPEN_DIRECT_IO | FOPEN_NOFLUSH;
      return reply(header, 0, &out, sizeof out);
    }
    case FUSE_RELEASE:
      return reply(header, 0, nullptr, 0);
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
      return;  // These have no answer.
    default:
      return reply(header, ENOSYS, nullptr, 0);
  }
}

void FuseFile::read(const fuse_in_header& header, const std::byte* body) {
  fuse_read_in in;
  std::memcpy(&in, body, sizeof in);
  const std::size_t start = std::min<std::size_t>(in.offset, content_.size());
  const std::size_t size = std::min<std::size_t>(in.size, content_.size() - start);
  reply(header, 0, content_.data() + start, size);
}

void FuseFile::write(const fuse_in_header& header, const std::byte* body) {
  fuse_write_in in;
  std::memcpy(&in, body, sizeof in);
  if (in.offset > content_.size() || in.size > content_.size() - in.offset) {
    return reply(header, EFBIG, nullptr, 0);
  }
  std::memcpy(content_.data() + in.offset, body + sizeof in, in.size);
  const fuse_write_out out{in.size, 0};
  reply(header, 0, &out, sizeof out);
}

void FuseFile::reply(const fuse_in_header& request, int error, const void* data, std::size_t size) {
  fuse_out_header header{};
  header.len = static_cast<std::uint32_t>(sizeof header + size);
  header.error = -error;
  header.unique = request.unique;
  const std::array<iovec, 2> parts{{{&header, sizeof header}, {const_cast<void*>(data), size}}};
  // Fails when the one who asked has gone.
  (void)!::writev(device_.get(), parts.data(), size == 0 ? 1 : 2);
}

fuse_attr FuseFile::attributes() const {
  fuse_attr attributes{};
  attributes.ino = FUSE_ROOT_ID;
  attributes.size = content_.size();
  attributes.mode = S_IFREG | 0600;
  attributes.nlink = 1;
  attributes.blksize = 4096;
  return attributes;
}

}  // namespace hive::test
